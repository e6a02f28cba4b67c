from __future__ import annotations

import json

import pytest

from aher_lightning.cli.main import main
from aher_lightning.models.backbones.known_networks import KNOWN_NETWORKS
from tests.helpers.pretrained import hide


def test_a_table_of_all_networks_fits_into_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["backbones"]) == 0
    shown = capsys.readouterr().out
    for known in KNOWN_NETWORKS:
        assert known.kind in shown
        assert known.name in shown
    assert "BSD-3-Clause" in shown
    assert "…" not in shown
    assert "CPU" not in shown


def test_measurements_where_a_package_is_missing_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "torchvision", "efficientnet_lite_pytorch")
    assert main(["backbones", "--measure", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [known.name for known in KNOWN_NETWORKS]
    assert {row["cpu_seconds_per_clip"] for row in rows} == {None}
    assert rows[1]["parameters"] == 33_371_472
