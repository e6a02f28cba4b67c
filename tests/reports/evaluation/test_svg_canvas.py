from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from aher_lightning.reports.evaluation.svg_canvas import (
    PlotArea,
    axis_top,
    draw_path,
    draw_percent_axis,
    draw_rectangle,
    draw_text,
    markup,
    new_drawing,
)

AREA = PlotArea(left=40.0, top=10.0, width=200.0, height=100.0, top_value=0.4)


def test_values_have_their_height() -> None:
    assert [AREA.y(value) for value in (0.0, 0.1, 0.4)] == [110.0, 85.0, 10.0]
    assert (AREA.right, AREA.bottom) == (240.0, 110.0)
    assert [AREA.y(value) for value in (-1.0, 2.0)] == [110.0, 10.0]


@pytest.mark.parametrize(("values", "top"), [([], 0.01), ([0.0], 0.01), ([0.2], 0.2), ([0.1, 0.21], 0.4), ([1.5], 1.0)])
def test_an_axis_has_room_for_the_values(values: list[float], top: float) -> None:
    assert axis_top(values) == top


def test_the_axis_is_labelled_in_percent() -> None:
    drawing = new_drawing(300, 120, "title")
    draw_percent_axis(drawing, AREA)
    texts = [element.text for element in drawing.iter("text")]
    assert texts == ["0", "10", "20", "30", "40 %"]
    assert [path.get("class") for path in drawing.iter("path")] == ["axis", "grid", "grid", "grid", "grid"]


def test_names_never_become_markup() -> None:
    evil = '</title></svg><script>alert("1")</script>&'
    drawing = new_drawing(10, 20, evil)
    draw_text(drawing, 1, 2, evil)
    draw_rectangle(drawing, (0, 0), (1, 1), evil, evil)
    text = markup(drawing)
    assert "<script" not in text
    parsed = ET.fromstring(text)
    assert parsed.get("aria-label") == evil
    assert [element.text for element in parsed.iter("title")] == [evil, evil]
    assert [element.text for element in parsed.iter("text")] == [evil]


def test_shapes_are_written_short() -> None:
    drawing = new_drawing(10, 20.5, "")
    draw_path(drawing, [(0, 1 / 3), (10.0, 2)], "line", is_closed=True)
    draw_rectangle(drawing, (1, 2), (3, 4.125), "box", "tip")
    text = markup(drawing)
    assert '<path d="M0 0.33 L10 2 Z" class="line" />' in text
    assert '<rect x="1" y="2" width="3" height="4.12" class="box"><title>tip</title></rect>' in text
    assert 'viewBox="0 0 10 20.5"' in text
    assert 'role="img"' in text
