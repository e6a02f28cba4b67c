from __future__ import annotations

from itertools import combinations
from pathlib import Path

import matplotlib.image
from matplotlib.colors import to_rgb

from aher_lightning.figures import COLOURS, hide_frame, new_figure, save_figure


def test_the_size_is_in_inches(tmp_path: Path) -> None:
    figure = new_figure(2.0, 1.0)
    hide_frame(figure.subplots())
    save_figure(figure, tmp_path / "new" / "empty.png")
    assert matplotlib.image.imread(tmp_path / "new" / "empty.png").shape[:2] == (150, 300)


def test_only_two_lines_of_the_frame_are_left() -> None:
    axes = new_figure(2.0, 1.0).subplots()
    hide_frame(axes)
    assert {name for name, line in axes.spines.items() if line.get_visible()} == {"left", "bottom"}


def test_colours_differ_in_hue_or_lightness() -> None:
    assert len(set(COLOURS)) == 7
    for one, other in combinations(COLOURS, 2):
        assert sum(abs(a - b) for a, b in zip(to_rgb(one), to_rgb(other), strict=True)) > 0.3
