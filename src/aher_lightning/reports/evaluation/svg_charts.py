"""The charts of the evaluation page: columns, stacked columns, bars and lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree as ET

from markupsafe import Markup

from aher_lightning.reports.evaluation.svg_canvas import (
    PlotArea,
    draw_path,
    draw_percent_axis,
    draw_rectangle,
    draw_text,
    markup,
    new_drawing,
)

WIDTH = 380.0

_LEFT, _TOP = 42.0, 18.0
"""Margins of a plot: for the values of the axis, and for those above columns."""

_PLOT_HEIGHT = 180.0
_NOTE_HEIGHT = 14.0

_SLOT_FRACTION = 0.72
"""Fraction of its slot that a group of columns fills."""

_MOST_LABELLED = 2
"""Most adjacent columns that leave room for their values."""

_MOST_POINTS = 20
"""Most points of a line that are all marked; of more, only those at axis ticks."""

_LEAST_LABELLED = 0.07
"""Smallest part of a stacked column that leaves room for its value."""


class Mark(NamedTuple):
    """One column, bar, or part of a column.

    Attributes:
        style: CSS class of its colour.
        value: Fraction in ``[0, 1]``; ``None`` if there is none.
        tooltip: Text shown on hover.
    """

    style: str
    value: float | None
    tooltip: str


class Slot(NamedTuple):
    """What stands at one place of an axis: its name, its marks, and further lines below the name."""

    name: str
    marks: Sequence[Mark]
    notes: Sequence[str] = ()


class Curve(NamedTuple):
    """One line: CSS class, and points ``(position, value)`` with values in ``[0, 1]``."""

    style: str
    points: Sequence[tuple[float, float]]


def column_chart(title: str, slots: Sequence[Slot], top: float, levels: Sequence[Mark] = ()) -> Markup:
    """Draw columns side by side.

    Args:
        title: Title of the chart.
        slots: Columns, from left to right.
        top: Value at the top of the axis.
        levels: Values drawn as lines across all columns.
    """
    notes = max((len(slot.notes) for slot in slots), default=0)
    area = PlotArea(_LEFT, _TOP, WIDTH - _LEFT - 8, _PLOT_HEIGHT, top)
    drawing = new_drawing(WIDTH, area.bottom + 22 + _NOTE_HEIGHT * notes, title)
    draw_percent_axis(drawing, area)
    step = area.width / max(len(slots), 1)
    places = [area.left + step * (place + 0.5) for place in range(len(slots))]
    for centre, slot in zip(places, slots, strict=True):
        _draw_columns(drawing, area, centre, step * _SLOT_FRACTION, slot)
    for level in levels:
        if level.value is not None:
            height = area.y(level.value)
            draw_path(drawing, [(area.left, height), (area.right, height)], f"level {level.style}")
    # Labels are drawn last, in front of columns and lines.
    for centre, slot in zip(places, slots, strict=True):
        _label_columns(drawing, area, centre, step * _SLOT_FRACTION, slot)
    return markup(drawing)


def stacked_chart(title: str, slots: Sequence[Slot]) -> Markup:
    """Draw columns, from left to right, whose parts, from the bottom up, sum to 1."""
    area = PlotArea(_LEFT, _TOP, WIDTH - _LEFT - 8, 1.35 * _PLOT_HEIGHT, 1.0)
    drawing = new_drawing(WIDTH, area.bottom + 26, title)
    draw_percent_axis(drawing, area)
    step = area.width / max(len(slots), 1)
    for place, slot in enumerate(slots):
        left, below = area.left + step * place + 1.5, 0.0
        for mark in slot.marks:
            fraction = mark.value or 0.0
            upper, lower = area.y(below + fraction), area.y(below)
            below += fraction
            if not fraction:
                continue
            draw_rectangle(drawing, (left, upper), (step - 3, lower - upper), f"mark part {mark.style}", mark.tooltip)
            if fraction >= _LEAST_LABELLED:
                middle = (upper + lower) / 2 + 4
                draw_text(drawing, left + step / 2 - 1.5, middle, f"{100 * fraction:.0f}", "inside", "middle")
        draw_text(drawing, left + step / 2 - 1.5, area.bottom + 18, slot.name, "name", "middle")
    return markup(drawing)


def bar_chart(title: str, slots: Sequence[Slot], top: float) -> Markup:
    """Draw horizontal bars with names on the left and values on the right; ``top`` is the value at the right end."""
    thickness, gap, left, room = 18.0, 12.0, 112.0, 56.0
    height = sum(thickness * len(slot.marks) + gap for slot in slots)
    drawing = new_drawing(WIDTH, height + 4, title)
    upper = gap / 2 + 2
    draw_path(drawing, [(left, 2), (left, height + 2)], "axis")
    for slot in slots:
        middle = upper + thickness * len(slot.marks) / 2 + 4
        draw_text(drawing, left - 8, middle, slot.name, "name", "end")
        for mark in slot.marks:
            value = mark.value or 0.0
            length = (WIDTH - left - room) * min(max(value / top, 0.0), 1.0)
            draw_rectangle(drawing, (left, upper), (length, thickness - 2), f"mark {mark.style}", mark.tooltip)
            draw_text(drawing, left + length + 6, upper + thickness / 2 + 3, f"{100 * value:+.2f}", "value")
            upper += thickness
        upper += gap
    return markup(drawing)


def line_chart(
    title: str,
    curves: Sequence[Curve],
    top: float,
    ticks: Sequence[tuple[float, str]],
    axis: str,
    *,
    is_filled: bool = False,
) -> Markup:
    """Draw lines from point to point.

    Args:
        title: Title of the chart.
        curves: The lines; the first is drawn on top.
        top: Value at the top of the axis.
        ticks: Positions and labels on the horizontal axis; the outermost are its ends.
        axis: Label of the horizontal axis.
        is_filled: Whether the area below the first line is filled.
    """
    area = PlotArea(_LEFT, _TOP, WIDTH - _LEFT - 16, 1.05 * _PLOT_HEIGHT, top)
    drawing = new_drawing(WIDTH, area.bottom + 42, title)
    draw_percent_axis(drawing, area)
    named = [position for position, _ in ticks]
    first, last = named[0], named[-1]

    def place(point: tuple[float, float]) -> tuple[float, float]:
        fraction = (point[0] - first) / (last - first) if last > first else 0.5
        return area.left + area.width * fraction, area.y(point[1])

    for position, name in ticks:
        draw_text(drawing, place((position, 0.0))[0], area.bottom + 17, name, "tick", "middle")
    draw_text(drawing, area.left + area.width / 2, area.bottom + 36, axis, "note", "middle")
    for number, curve in reversed(list(enumerate(curves))):
        points = [place(point) for point in curve.points]
        if number == 0 and is_filled:
            under = [(points[0][0], area.bottom), *points, (points[-1][0], area.bottom)]
            draw_path(drawing, under, f"under {curve.style}", is_closed=True)
        draw_path(drawing, points, f"curve {curve.style}")
        for (x, y), (position, value) in zip(points, curve.points, strict=True):
            if len(points) <= _MOST_POINTS or position in named:
                tooltip = f"{position:g}: {100 * value:.2f} %"
                draw_rectangle(drawing, (x - 3, y - 3), (6, 6), f"point {curve.style}", tooltip)
    return markup(drawing)


def _draw_columns(drawing: ET.Element, area: PlotArea, centre: float, room: float, slot: Slot) -> None:
    """Draw the columns of one slot side by side; a missing value leaves its place empty."""
    width = room / max(len(slot.marks), 1)
    for number, mark in enumerate(slot.marks):
        if mark.value is not None:
            height = area.y(mark.value)
            corner = (centre - room / 2 + number * width, height)
            draw_rectangle(drawing, corner, (width - 1, area.bottom - height), f"mark {mark.style}", mark.tooltip)


def _label_columns(drawing: ET.Element, area: PlotArea, centre: float, room: float, slot: Slot) -> None:
    """Write values above the columns of one slot, and names below."""
    width = room / max(len(slot.marks), 1)
    for number, mark in enumerate(slot.marks):
        if mark.value is not None and len(slot.marks) <= _MOST_LABELLED:
            middle = centre - room / 2 + (number + 0.5) * width
            draw_text(drawing, middle, area.y(mark.value) - 4, f"{100 * mark.value:.1f}", "value", "middle")
    if all(mark.value is None for mark in slot.marks):
        draw_text(drawing, centre, area.bottom - 5, "none", "note", "middle")
    draw_text(drawing, centre, area.bottom + 16, slot.name, "name", "middle")
    for number, note in enumerate(slot.notes):
        draw_text(drawing, centre, area.bottom + 31 + _NOTE_HEIGHT * number, note, "note", "middle")
