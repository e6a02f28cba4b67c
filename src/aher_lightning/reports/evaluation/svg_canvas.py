"""Drawing in SVG for a page: shapes and axes whose colours are left to the style sheet of the page.

Elements carry classes in place of colours, so that one drawing is readable on light and on dark ground. They are built
as a tree, not as text: whatever a name holds, it cannot become markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

from markupsafe import Markup

Anchor = Literal["start", "middle", "end"]

_TOPS = (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Upper ends of an axis that four equal steps divide into short numbers of percent."""

_STEPS = 4


class PlotArea(NamedTuple):
    """The rectangle that values are drawn in.

    Attributes:
        left: Its left side, in units of the drawing.
        top: Its upper side.
        width: Its width.
        height: Its height.
        top_value: The value at its upper side; zero is at the lower one.
    """

    left: float
    top: float
    width: float
    height: float
    top_value: float

    @property
    def right(self) -> float:
        """The right side."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower side."""
        return self.top + self.height

    def y(self, value: float) -> float:
        """Return the height at which a value is drawn; values outside are put on the nearest side.

        Args:
            value: Value between zero and ``top_value``.

        Returns:
            The place, from the top of the drawing.
        """
        return self.bottom - self.height * min(max(value / self.top_value, 0.0), 1.0)


def axis_top(values: Sequence[float]) -> float:
    """Return an upper end for an axis of shares that has room for all values.

    Args:
        values: Shares in ``[0, 1]``.

    Returns:
        The upper end.

    Example:
        >>> axis_top([0.05, 0.31]), axis_top([]), axis_top([1.0])
        (0.4, 0.01, 1.0)
    """
    highest = max(values, default=0.0)
    return next((top for top in _TOPS if top >= highest), 1.0)


def new_drawing(width: float, height: float, title: str) -> ET.Element:
    """Return an empty drawing with a title for those who cannot see it.

    Args:
        width: Width in units of the drawing; the page may show it in another size.
        height: Height.
        title: What the drawing shows.

    Returns:
        The ``svg`` element.
    """
    size = {"viewBox": f"0 0 {width:g} {height:g}", "width": f"{width:g}", "height": f"{height:g}"}
    drawing = ET.Element("svg", {**size, "role": "img", "aria-label": title})
    ET.SubElement(drawing, "title").text = title
    return drawing


def draw_text(
    parent: ET.Element, x: float, y: float, content: str, style: str = "", anchor: Anchor = "start"
) -> ET.Element:
    """Add a line of text.

    Args:
        parent: What to add it to.
        x: Where it is anchored.
        y: Its base line.
        content: The text.
        style: Classes.
        anchor: Which part of it is at ``x``.

    Returns:
        The element.
    """
    attributes = {"x": _number(x), "y": _number(y), "text-anchor": anchor, "class": style}
    element = ET.SubElement(parent, "text", attributes)
    element.text = content
    return element


def draw_rectangle(
    parent: ET.Element, corner: tuple[float, float], size: tuple[float, float], style: str, tooltip: str
) -> None:
    """Add a rectangle.

    Args:
        parent: What to add it to.
        corner: Its left upper corner.
        size: Width and height.
        style: Classes.
        tooltip: What is shown when the pointer rests on it.
    """
    places = dict(zip(("x", "y", "width", "height"), map(_number, (*corner, *size)), strict=True))
    ET.SubElement(ET.SubElement(parent, "rect", {**places, "class": style}), "title").text = tooltip


def draw_path(
    parent: ET.Element, points: Sequence[tuple[float, float]], style: str, *, is_closed: bool = False
) -> None:
    """Add straight lines from point to point.

    Args:
        parent: What to add them to.
        points: The points.
        style: Classes.
        is_closed: Whether the last point is joined to the first.
    """
    places = " L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    ET.SubElement(parent, "path", {"d": f"M{places}{' Z' if is_closed else ''}", "class": style})


def draw_percent_axis(parent: ET.Element, area: PlotArea) -> None:
    """Add horizontal lines with their values in percent.

    Args:
        parent: What to add them to.
        area: The rectangle of the plot.
    """
    for step in range(_STEPS + 1):
        value = area.top_value * step / _STEPS
        height = area.y(value)
        draw_path(parent, [(area.left, height), (area.right, height)], "axis" if step == 0 else "grid")
        unit = " %" if step == _STEPS else ""
        draw_text(parent, area.left - 6, height + 4, f"{100 * value:g}{unit}", "tick", "end")


def markup(drawing: ET.Element) -> Markup:
    """Return a drawing as text that can stand within a page.

    Args:
        drawing: The drawing.

    Returns:
        Its markup, with every name escaped.
    """
    return Markup(ET.tostring(drawing, encoding="unicode"))


def _number(value: float) -> str:
    """Return a length as it is written: two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
