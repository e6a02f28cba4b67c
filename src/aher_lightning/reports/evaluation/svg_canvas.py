"""SVG primitives for the pages: shapes and axes whose colours come from the page's style sheet.

Elements carry CSS classes instead of colours, so that one drawing is readable on light and dark backgrounds. They are
built as a tree, not as text: a name cannot become markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

from markupsafe import Markup

Anchor = Literal["start", "middle", "end"]

_TOPS = (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Axis maxima that four equal steps divide into short percentages."""

_STEPS = 4


class PlotArea(NamedTuple):
    """The rectangle that values are drawn in, in units of the drawing.

    Attributes:
        left: Left edge.
        top: Top edge.
        width: Width.
        height: Height.
        top_value: Value at the top edge; the bottom edge is zero.
    """

    left: float
    top: float
    width: float
    height: float
    top_value: float

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Bottom edge."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Return the vertical position of a value, clipped to the plot."""
        return self.bottom - self.height * min(max(value / self.top_value, 0.0), 1.0)


def axis_top(values: Sequence[float]) -> float:
    """Return an axis maximum that no value exceeds; values are in ``[0, 1]``.

    Example:
        >>> axis_top([0.05, 0.31]), axis_top([]), axis_top([1.0])
        (0.4, 0.01, 1.0)
    """
    highest = max(values, default=0.0)
    return next((top for top in _TOPS if top >= highest), 1.0)


def new_drawing(width: float, height: float, title: str) -> ET.Element:
    """Return an empty ``svg`` element with an accessible title; the page may scale it."""
    size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    drawing = ET.Element("svg", {**size, "role": "img", "aria-label": title})
    ET.SubElement(drawing, "title").text = title
    return drawing


def draw_text(
    parent: ET.Element, x: float, y: float, content: str, style: str = "", anchor: Anchor = "start"
) -> ET.Element:
    """Add a line of text; ``y`` is its baseline, ``style`` its CSS classes."""
    attributes = {"x": _number(x), "y": _number(y), "text-anchor": anchor, "class": style}
    element = ET.SubElement(parent, "text", attributes)
    element.text = content
    return element


def draw_rectangle(
    parent: ET.Element, corner: tuple[float, float], size: tuple[float, float], style: str, tooltip: str
) -> None:
    """Add a rectangle, given by its upper left corner, with CSS classes and a tooltip."""
    places = dict(zip(("x", "y", "width", "height"), map(_number, (*corner, *size)), strict=True))
    ET.SubElement(ET.SubElement(parent, "rect", {**places, "class": style}), "title").text = tooltip


def draw_path(
    parent: ET.Element, points: Sequence[tuple[float, float]], style: str, *, is_closed: bool = False
) -> None:
    """Add straight lines from point to point."""
    places = " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    ET.SubElement(parent, "path", {"d": f"M{places}{' Z' if is_closed else ''}", "class": style})


def draw_percent_axis(parent: ET.Element, area: PlotArea) -> None:
    """Add horizontal grid lines labelled in percent."""
    for step in range(_STEPS + 1):
        value = area.top_value * step / _STEPS
        height = area.y(value)
        draw_path(parent, [(area.left, height), (area.right, height)], "axis" if step == 0 else "grid")
        unit = " %" if step == _STEPS else ""
        draw_text(parent, area.left - 6, height + 4, f"{100 * value:g}{unit}", "tick", "end")


def markup(drawing: ET.Element) -> Markup:
    """Return a drawing as HTML markup, with all names escaped."""
    return Markup(ET.tostring(drawing, encoding="unicode"))


def _number(value: float) -> str:
    """Format a length with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
