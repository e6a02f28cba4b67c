from __future__ import annotations

from pathlib import Path

from aher_lightning.analyses.level_accuracy import LevelAccuracy
from aher_lightning.figures import COLOURS
from aher_lightning.reports.level_bars import draw_level_bars
from tests.helpers.figures import count_pixels, svg_texts, svg_with_texts

LEVELS = [LevelAccuracy(1, 8, 1234, 0.61, 0.42), LevelAccuracy(2, 1, 0, None, None)]


def test_levels_and_values_are_written(tmp_path: Path) -> None:
    with svg_with_texts():
        draw_level_bars(tmp_path / "levels.svg", LEVELS)
    texts = svg_texts(tmp_path / "levels.svg")
    for text in ("level 1", "8 cells", "n = 1,234", "61", "42", "level 2", "1 cell", "n = 0", "AherNet", "AherNet⁻"):
        assert text in texts
    assert "classification accuracy (%)" in texts


def test_bars_are_as_high_as_the_accuracies(tmp_path: Path) -> None:
    draw_level_bars(tmp_path / "one.png", [LevelAccuracy(1, 8, 10, 0.8, 0.4)])
    draw_level_bars(tmp_path / "none.png", [LevelAccuracy(1, 8, 0, None, None)])
    higher, lower = (count_pixels(tmp_path / "one.png", colour) for colour in COLOURS[:2])
    in_legend = [count_pixels(tmp_path / "none.png", colour) for colour in COLOURS[:2]]
    assert min(in_legend) > 0
    assert abs((higher - in_legend[0]) / (lower - in_legend[1]) - 2) < 0.1
