from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from aher_lightning.reports.evaluation.svg_charts import (
    Curve,
    Mark,
    Slot,
    bar_chart,
    column_chart,
    line_chart,
    stacked_chart,
)


def marks(chart: str) -> list[dict[str, float]]:
    """Return place and size of the columns or bars, in order."""
    found = [one for one in ET.fromstring(chart).iter("rect") if str(one.get("class")).startswith("mark")]
    return [{name: float(str(one.get(name))) for name in ("x", "y", "width", "height")} for one in found]


def texts(chart: str, style: str) -> list[str | None]:
    return [one.text for one in ET.fromstring(chart).iter("text") if one.get("class") == style]


def test_columns_are_as_high_as_their_values() -> None:
    slots = [Slot("XS", [Mark("a", 0.1, "tip")], ["range", "n = 3"]), Slot("S", [Mark("a", 0.2, "")], ["wide"])]
    chart = column_chart("title", slots, 0.4, [Mark("a", 0.3, "")])
    low, high = marks(chart)
    assert high["height"] == pytest.approx(2 * low["height"], abs=0.02)
    assert low["y"] + low["height"] == pytest.approx(high["y"] + high["height"], abs=0.02)
    assert texts(chart, "value") == ["10.0", "20.0"]
    assert texts(chart, "name") == ["XS", "S"]
    assert texts(chart, "note") == ["range", "n = 3", "wide"]
    assert chart.count('class="level a"') == 1


def test_columns_of_a_slot_stand_beside_each_other() -> None:
    slots = [Slot("XS", [Mark("a", 0.1, ""), Mark("b", 0.2, "")]), Slot("S", [Mark("a", None, ""), Mark("b", 0.1, "")])]
    first, second, third = marks(column_chart("", slots, 0.4))
    assert first["x"] + first["width"] <= second["x"]
    assert second["x"] + second["width"] < third["x"]
    # The place of a column without value stays empty.
    assert third["x"] - second["x"] == pytest.approx(161.0, abs=10)


def test_a_slot_without_values_says_so() -> None:
    chart = column_chart("", [Slot("XS", [Mark("a", None, "")])], 0.4, [Mark("a", None, "")])
    assert marks(chart) == []
    assert texts(chart, "note") == ["none"]
    assert "level" not in chart


def test_many_columns_have_no_room_for_values() -> None:
    chart = column_chart("", [Slot("XS", [Mark(name, 0.1, "") for name in "abc"])], 0.4)
    assert len(marks(chart)) == 3
    assert texts(chart, "value") == []


def test_parts_fill_the_column_from_below() -> None:
    parts = [Mark("a", 0.5, "tip a"), Mark("b", 0.0, ""), Mark("c", 0.05, ""), Mark("d", 0.45, "")]
    chart = stacked_chart("title", [Slot("1G", parts)])
    lowest, middle, highest = marks(chart)  # what is nothing is not drawn
    assert lowest["y"] == pytest.approx(middle["y"] + middle["height"], abs=0.02)
    assert middle["y"] == pytest.approx(highest["y"] + highest["height"], abs=0.02)
    assert lowest["height"] == pytest.approx(10 * middle["height"], abs=0.1)
    assert texts(chart, "inside") == ["50", "45"]
    assert "tip a" in chart


def test_bars_are_as_long_as_their_values() -> None:
    chart = bar_chart(
        "", [Slot("one", [Mark("a", 0.1, ""), Mark("b", 0.05, "")]), Slot("two", [Mark("a", -0.01, "")])], 0.1
    )
    lengths = [one["width"] for one in marks(chart)]
    assert lengths == pytest.approx([lengths[0], lengths[0] / 2, 0.0], abs=0.02)
    assert texts(chart, "value") == ["+10.00", "+5.00", "-1.00"]
    assert texts(chart, "name") == ["one", "two"]


def test_lines_start_and_end_at_the_outermost_ticks() -> None:
    curve = Curve("a", [(0.5, 0.4), (0.75, 0.2), (1.0, 0.0)])
    chart = line_chart(
        "", [curve, Curve("b", [(0.5, 0.1)])], 0.4, [(0.5, "half"), (1.0, "one")], "axis", is_filled=True
    )
    assert texts(chart, "note") == ["axis"]
    assert "half" in chart
    assert chart.count('class="under a"') == 1
    points = [one for one in ET.fromstring(chart).iter("rect") if one.get("class") == "point a"]
    assert [one.findtext("title") for one in points] == ["0.5: 40.00 %", "0.75: 20.00 %", "1: 0.00 %"]
    ends = [one.get("x") for one in ET.fromstring(chart).iter("text") if one.text in ("half", "one")]
    assert [float(str(one.get("x"))) + 3 for one in (points[0], points[-1])] == [float(str(end)) for end in ends]


def test_of_many_points_only_the_named_ones_are_marked() -> None:
    curve = Curve("a", [(float(place), 0.5) for place in range(1, 101)])
    chart = line_chart("", [curve], 1.0, [(1.0, "1"), (50.0, "50"), (100.0, "100")], "")
    assert chart.count('class="point a"') == 3


def test_a_single_point_stands_in_the_middle() -> None:
    chart = line_chart("", [Curve("a", [(0.5, 0.25)])], 0.4, [(0.5, "0.50")], "")
    assert texts(chart, "tick")[-1] == "0.50"
    assert chart.count('class="point a"') == 1
