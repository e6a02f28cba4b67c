"""Figure of instances and detections over the time of videos."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Patch

from aher_lightning.analyses.timeline_bars import GROUND_TRUTH_ROW, TimelineBar, assign_lanes
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.figures import COLOURS, hide_frame, new_figure, save_figure
from aher_lightning.files.json_files import MalformedError
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_rows

_WIDTH_INCH = 10.0
_LANE_INCH = 0.24
"""Height of a bar with its margin."""

_PANEL_INCH = 0.75
"""Height of title, time axis and margins of a video."""

_SCORE_WIDTH = 0.05
"""Width of a score, as a fraction of the panel."""

_ROW_GAP = 0.5
"""Space between rows, in lanes."""

_HATCHES = ("", "////", "....", "xxxx")
"""Distinguish categories once the colours are used up."""


_DARK = (COLOURS[0], COLOURS[2], COLOURS[4], COLOURS[6])
"""Colours on which white text is easier to read than black."""


_DETECTION_ROW = "detections"

_FORMATS = (".pdf", ".png", ".svg")


class TimelinePanel(NamedTuple):
    """One video of the figure.

    Attributes:
        video_id: Its name.
        duration_sec: Its duration in seconds.
        rows: Bars by the name of their row, from top to bottom; a row may be empty.
    """

    video_id: str
    duration_sec: float
    rows: Mapping[str, Sequence[TimelineBar]]


class _Style(NamedTuple):
    """Colour and hatch of the bars of a category."""

    colour: str
    hatch: str


def draw_timelines(path: Path, panels: Sequence[TimelinePanel]) -> None:
    """Draw one panel per video and one row per system, as in figure 7 of the paper.

    Bars of one row that overlap in time are stacked.

    Args:
        path: Image file to write; missing parent folders are created.
        panels: The videos, at least one.
    """
    styles = _styles(panels)
    lanes = [_lanes_by_row(panel) for panel in panels]
    heights = [_PANEL_INCH + _LANE_INCH * (_total_lanes(rows) + _ROW_GAP * len(rows)) for rows in lanes]
    columns = _legend_columns(list(styles))
    figure = new_figure(_WIDTH_INCH, sum(heights) + 0.3 + 0.22 * -(-len(styles) // columns))
    all_axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, panel, rows in zip(all_axes, panels, lanes, strict=True):
        _draw_panel(axes, panel, rows, styles)
    all_axes[-1].set_xlabel("time (s)")
    handles = [
        Patch(facecolor=style.colour, hatch=style.hatch, edgecolor="white", label=label)
        for label, style in styles.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=9, frameon=False)
    save_figure(figure, path)


def write_timeline_figure(
    path: Path,
    video_id: str,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None = None,
) -> None:
    """Draw the detections of a video as bars in the colours of their categories, below the annotated actions.

    Overlapping bars are stacked, so choose few of the rows, see
    :func:`~aher_lightning.reports.videos.detection_rows.best_rows`. For several videos or systems, see
    :func:`draw_timelines` and ``aher analyze timelines``.

    Args:
        path: File to write, ending in ``.pdf``, ``.png`` or ``.svg``; missing parent folders are created.
        video_id: Name of the video.
        duration_sec: Its duration in seconds.
        rows: Detections; clipped to the video.
        ground_truth: Annotated actions; their row is omitted if ``None``.

    Raises:
        PredictionError: If the extension is none of these, a number is not finite, a segment does not end after its
            start, the duration is not positive, or the file cannot be written.
    """
    if path.suffix.lower() not in _FORMATS:
        raise PredictionError(f"{path}: not written: unknown figure format; choose from {', '.join(_FORMATS)}")
    if not 0 < duration_sec < math.inf:
        raise PredictionError(f"{path}: not written: the duration is {duration_sec:g} s; give that of the video")
    try:
        check_rows(rows)
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: {reason}") from None
    bars: dict[str, list[TimelineBar]] = {}
    if ground_truth is not None:
        truth = [TimelineBar(video_id, GROUND_TRUTH_ROW, *one[1:], one.label, None) for one in ground_truth]
        bars[GROUND_TRUTH_ROW] = _cut(truth, duration_sec)
    found = [TimelineBar(video_id, _DETECTION_ROW, row.start_sec, row.end_sec, row.label, row.score) for row in rows]
    bars[_DETECTION_ROW] = _cut(found, duration_sec)
    try:
        draw_timelines(path, [TimelinePanel(video_id, duration_sec, bars)])
    except OSError as failure:
        raise PredictionError(f"{path}: cannot be written ({failure.strerror}); choose another place") from None


def _draw_panel(axes: Axes, panel: TimelinePanel, lanes: Mapping[str, list[int]], styles: Mapping[str, _Style]) -> None:
    """Draw one video."""
    top, centres = 0.0, []
    for row, bars in panel.rows.items():
        for bar, lane in zip(bars, lanes[row], strict=True):
            _draw_bar(axes, bar, top + lane + 0.5, panel.duration_sec, styles[bar.label])
        height = _height(lanes[row])
        centres.append(top + height / 2)
        top += height + _ROW_GAP
    axes.set_xlim(0, panel.duration_sec)
    axes.set_ylim(top - _ROW_GAP / 2, -_ROW_GAP / 2)  # first row on top
    axes.set_yticks(centres, list(panel.rows), fontsize=9)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{panel.video_id}  ({panel.duration_sec:.1f} s)", loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    hide_frame(axes)


def _draw_bar(axes: Axes, bar: TimelineBar, height: float, duration_sec: float, style: _Style) -> None:
    """Draw one bar with its score inside or, if the bar is too short, beside it."""
    width = bar.end - bar.start
    axes.barh(height, width, left=bar.start, height=0.82, color=style.colour, hatch=style.hatch, edgecolor="white")
    if bar.score is None:
        return
    side = _score_side(bar, duration_sec)
    place = {"center": (bar.start + bar.end) / 2, "left": bar.end, "right": bar.start}[side]
    is_inside = side == "center"
    score = axes.text(place, height, f" {bar.score:.2f} ", ha=side, va="center_baseline", fontsize=8)
    score.set_color("white" if is_inside and style.colour in _DARK else "black")
    if is_inside and style.hatch:
        score.set_bbox({"facecolor": style.colour, "edgecolor": "none", "pad": 0.6})


def _score_side(bar: TimelineBar, duration_sec: float) -> Literal["center", "left", "right"]:
    """Return the alignment of the score: inside the bar, after its end, or before its start at the end of the video."""
    room = _SCORE_WIDTH * duration_sec
    if bar.end - bar.start >= room:
        return "center"
    return "left" if bar.end + room <= duration_sec else "right"


def _span(bar: TimelineBar, duration_sec: float) -> tuple[float, float]:
    """Return start and end of a bar with its score, in seconds."""
    side = "center" if bar.score is None else _score_side(bar, duration_sec)
    room = _SCORE_WIDTH * duration_sec
    return bar.start - room * (side == "right"), bar.end + room * (side == "left")


def _lanes_by_row(panel: TimelinePanel) -> dict[str, list[int]]:
    """Return the lane of each bar."""
    return {row: assign_lanes([_span(bar, panel.duration_sec) for bar in bars]) for row, bars in panel.rows.items()}


def _height(lanes: Sequence[int]) -> int:
    """Return the number of lanes of a row, at least one."""
    return max(lanes, default=0) + 1


def _total_lanes(rows: Mapping[str, list[int]]) -> int:
    """Return the number of lanes of a panel."""
    return sum(_height(lanes) for lanes in rows.values())


def _styles(panels: Sequence[TimelinePanel]) -> dict[str, _Style]:
    """Return the style of each category, in order of its first bar."""
    labels = dict.fromkeys(bar.label for panel in panels for bars in panel.rows.values() for bar in bars)
    return {
        label: _Style(COLOURS[number % len(COLOURS)], _HATCHES[number // len(COLOURS) % len(_HATCHES)])
        for number, label in enumerate(labels)
    }


def _legend_columns(labels: Sequence[str]) -> int:
    """Return how many labels fit side by side."""
    longest = max((len(label) for label in labels), default=1)
    return max(1, min(len(labels), int(_WIDTH_INCH / (0.5 + 0.085 * longest))))


def _cut(bars: Sequence[TimelineBar], duration_sec: float) -> list[TimelineBar]:
    """Clip bars to the video and drop those outside."""
    cut = [bar._replace(start=max(bar.start, 0.0), end=min(bar.end, duration_sec)) for bar in bars]
    return [bar for bar in cut if bar.end > bar.start]
