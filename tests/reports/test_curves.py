from __future__ import annotations

from pathlib import Path

import matplotlib.image
import pytest

from aher_lightning.reports.curves import History, draw_curves

LOSSES: History = {"train/recognition": [(5, 1.5), (10, 0.7)], "train/transfer": [(5, 3.0), (10, 2.0)]}
METRICS: History = {"val/mAP": [(10, 0.2)], "val/AR@100": [(10, 0.9)]}


def size(path: Path) -> tuple[int, int]:
    height, width = matplotlib.image.imread(path).shape[:2]
    return width, height


def test_metrics_get_a_panel_of_their_own(tmp_path: Path) -> None:
    draw_curves(tmp_path / "new" / "losses.png", LOSSES, "losses")
    draw_curves(tmp_path / "both.png", LOSSES | METRICS, "both")
    assert size(tmp_path / "new" / "losses.png") == (720, 504)
    assert size(tmp_path / "both.png") == (1320, 504)


def test_something_is_drawn(tmp_path: Path) -> None:
    draw_curves(tmp_path / "full.png", LOSSES, "title")
    draw_curves(tmp_path / "empty.png", {}, "title")
    full, empty = (matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3] for name in ("full", "empty"))
    colourful = [((image.max(axis=-1) - image.min(axis=-1)) > 0.2).sum() for image in (full, empty)]
    assert colourful[0] > 500
    assert colourful[1] == 0


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_ending_decides_the_format(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"curves.{suffix}"
    draw_curves(path, LOSSES, "title")
    start = path.read_bytes()[:200]
    assert {"png": b"PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix] in start


def test_svg_names_every_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
    draw_curves(tmp_path / "curves.svg", LOSSES | METRICS, "Seven iterations")
    text = (tmp_path / "curves.svg").read_text()
    for shown in ("recognition", "transfer", "mAP", "Seven iterations", "iteration", "training loss"):
        assert f">{shown}</text>" in text
    assert "AR@100" not in text
