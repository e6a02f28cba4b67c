from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning import __version__
from aher_lightning.cli.commands.list_categories import list_categories
from aher_lightning.cli.main import main
from aher_lightning.structures import Categories
from tests.helpers.trained import checkpointed_localizer


def test_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = checkpointed_localizer(tmp_path, Categories(["jump"], ["[red]clap"]))[1]
    listed = list_categories(checkpoint)
    assert [one.name for one in listed] == ["jump", "[red]clap"]
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("jump", "[red]clap", "untrimmed", "moment", __version__))


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = checkpointed_localizer(tmp_path, Categories(["jump"], ["clap"]))[1]
    assert main(["list-categories", "--checkpoint", str(checkpoint), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "jump", "provenance": "untrimmed", "clips": None, "version": __version__},
        {"name": "clap", "provenance": "moment", "clips": None, "version": __version__},
    ]
    assert main(["list-categories", "--checkpoint", str(tmp_path / "none.ckpt")]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
