from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.analyses.label_fractions import FractionPoint
from aher_lightning.figures import COLOURS
from aher_lightning.reports.label_fraction_curve import draw_label_fraction_curve
from tests.helpers.figures import count_pixels, svg_texts, svg_with_texts


def test_points_and_level_are_written_in_percent(tmp_path: Path) -> None:
    with svg_with_texts():
        draw_label_fraction_curve(
            tmp_path / "fractions.svg", [FractionPoint(0.25, 0.1234), FractionPoint(1.0, 0.25)], 0.2
        )
    texts = svg_texts(tmp_path / "fractions.svg")
    for text in ("12.3", "25.0", "AherNet*", "AherNet, from moments (20.0)", "average mAP (%)"):
        assert text in texts


@pytest.mark.parametrize("values", [(0.0,), (0.3, 0.1), (1.0, 1.0)])
def test_any_values_can_be_drawn(values: tuple[float, ...], tmp_path: Path) -> None:
    points = [FractionPoint((number + 1) / len(values), value) for number, value in enumerate(values)]
    draw_label_fraction_curve(tmp_path / "new" / "fractions.png", points, 0.5)
    assert count_pixels(tmp_path / "new" / "fractions.png", COLOURS[0]) > 50
    assert count_pixels(tmp_path / "new" / "fractions.png", COLOURS[4]) > 300
