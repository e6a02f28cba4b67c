from __future__ import annotations

from pathlib import Path

import torch

from aher_lightning.figures import COLOURS
from aher_lightning.reports.context_scatter import draw_context_scatter
from tests.helpers.figures import count_pixels, svg_texts, svg_with_texts


def test_kinds_are_named_and_counted(tmp_path: Path) -> None:
    points = {"foreground": torch.rand(5, 2), "synthetic": torch.rand(7, 2), "real": torch.rand(6, 2)}
    with svg_with_texts():
        draw_context_scatter(tmp_path / "new" / "contexts.svg", points, "a title")
    texts = svg_texts(tmp_path / "new" / "contexts.svg")
    for text in ("foreground (5)", "synthetic (7)", "real (6)", "a title", "t-SNE, first dimension"):
        assert text in texts


def test_every_point_is_drawn(tmp_path: Path) -> None:
    grid = torch.cartesian_prod(torch.arange(10.0), torch.arange(10.0)).double()
    draw_context_scatter(tmp_path / "one.png", {"a": grid[:1], "b": grid[1:2]}, "")
    draw_context_scatter(tmp_path / "many.png", {"a": grid, "b": grid + 0.5}, "")
    # Markers are translucent: their colour is a mixture with white.
    mixed = [
        "#" + "".join(f"{round(0.65 * int(colour[i : i + 2], 16) + 0.35 * 255):02X}" for i in (1, 3, 5))
        for colour in (COLOURS[1], COLOURS[0])
    ]
    for colour in mixed:
        few, many = (count_pixels(tmp_path / f"{name}.png", colour) for name in ("one", "many"))
        assert many > 20 * few > 0
