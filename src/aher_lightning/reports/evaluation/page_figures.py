"""From the numbers of an evaluation to the figures of its page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from aher_lightning.reports.evaluation.diagnosis import (
    ERROR_TYPES,
    OUTCOMES,
    BucketKey,
    BucketReport,
    NamedDiagnosis,
    outcome_fractions,
)
from aher_lightning.reports.evaluation.report import ScoreColumn
from aher_lightning.reports.evaluation.svg_canvas import axis_top
from aher_lightning.reports.evaluation.svg_charts import (
    Curve,
    Mark,
    Slot,
    bar_chart,
    column_chart,
    line_chart,
    stacked_chart,
)
from aher_lightning.reports.terminal_tables import printable

SERIES = ("series-1", "series-2", "series-3", "series-4", "series-5")
"""Classes of groups side by side: each has a colour and dashes of its own."""


class Figure(NamedTuple):
    """A chart with its caption.

    Attributes:
        caption: What it shows.
        chart: Its markup.
    """

    caption: str
    chart: Markup


def precision_figure(columns: Sequence[ScoreColumn]) -> Figure:
    """Draw mAP against tIoU, a line for each column of scores.

    Args:
        columns: Scores; at most as many as there are series.

    Returns:
        The figure.
    """
    curves = []
    for style, column in zip(SERIES, columns, strict=False):
        points = [(float(name), value) for name, value in column.scores["mAP"].items() if name != "average"]
        curves.append(Curve(style, sorted(points)))
    places = [place for place, _ in curves[0].points]
    # Names of ten thresholds would touch each other.
    shown = places if len(places) <= 6 else [*places[:-1:2], places[-1]]
    ticks = [(place, f"{place:.2f}") for place in shown]
    top = axis_top([value for curve in curves for _, value in curve.points])
    caption = "mAP against tIoU"
    return Figure(caption, line_chart(caption, curves, top, ticks, "tIoU threshold"))


def recall_figure(recalls: dict[str, float]) -> Figure:
    """Draw average recall against the number of proposals per video.

    Args:
        recalls: Recall in ``[0, 1]`` by number of proposals.

    Returns:
        The figure.
    """
    points = sorted((float(number), value) for number, value in recalls.items())
    first, last = points[0][0], points[-1][0]
    places = [first, *(place for place in (25.0, 50.0, 75.0) if first < place < last), last]
    ticks = [(place, f"{place:g}") for place in dict.fromkeys(places)]
    caption = "AR against AN"
    chart = line_chart(caption, [Curve(SERIES[0], points)], 1.0, ticks, "proposals per video (AN)", is_filled=True)
    return Figure(caption, chart)


def error_figure(named: NamedDiagnosis) -> Figure:
    """Draw what became of the best predictions, a column for each multiple of the number of instances.

    Args:
        named: A diagnosis.

    Returns:
        The figure.
    """
    slots = []
    for errors in named.diagnosis["errors"]:
        name, shares = f"{errors['multiple']}G", outcome_fractions(errors)
        marks = [
            Mark(one.key, shares[one.key], f"{name}: {one.name}, {100 * shares[one.key]:.2f} %") for one in OUTCOMES
        ]
        slots.append(Slot(name, marks))
    caption = f"Best predictions: {printable(named.name)}"
    return Figure(caption, stacked_chart(caption, slots))


def gain_figure(diagnoses: Sequence[NamedDiagnosis]) -> Figure:
    """Draw the average mAP gained without one type of errors.

    Args:
        diagnoses: One, whose bars have the colours of the error types, or several side by side.

    Returns:
        The figure.
    """
    top = axis_top([gain for _, diagnosis in diagnoses for gain in diagnosis["gains"].values()])
    slots = []
    for one in ERROR_TYPES:
        styles = [one.key] if len(diagnoses) == 1 else SERIES
        marks = []
        for style, (name, diagnosis) in zip(styles, diagnoses, strict=False):
            gain = diagnosis["gains"][one.key]
            marks.append(Mark(style, gain, f"{one.name}, {printable(name)}: {100 * gain:+.2f} points"))
        slots.append(Slot(one.name, marks))
    caption = "Average mAP gained without these errors, in points"
    return Figure(caption, bar_chart(caption, slots, top))


def sensitivity_figures(diagnoses: Sequence[NamedDiagnosis]) -> list[Figure]:
    """Draw the normalized mAP of each kind of instances, a figure for each characteristic.

    Args:
        diagnoses: One or several, side by side.

    Returns:
        The figures, all to one scale.
    """
    return _bucket_figures(diagnoses, "mAP_N", "Normalized mAP")


def missed_figures(diagnoses: Sequence[NamedDiagnosis]) -> list[Figure]:
    """Draw the share of instances that were missed, a figure for each characteristic.

    Args:
        diagnoses: One or several, side by side.

    Returns:
        The figures, all to one scale.
    """
    return _bucket_figures(diagnoses, "missed", "Missed instances")


def _bucket_figures(diagnoses: Sequence[NamedDiagnosis], key: BucketKey, caption: str) -> list[Figure]:
    """Draw one value of all buckets."""
    styles = [key] if len(diagnoses) == 1 else SERIES
    styled = list(zip(styles, diagnoses, strict=False))
    values = [bucket[key] for _, (_, one) in styled for buckets in one["sensitivity"].values() for bucket in buckets]
    levels = [Mark(style, diagnosis[key], name) for style, (name, diagnosis) in styled]
    top = axis_top([value for value in (*values, *(level.value for level in levels)) if value is not None])
    figures = []
    for characteristic, buckets in diagnoses[0].diagnosis["sensitivity"].items():
        slots = []
        for number, bucket in enumerate(buckets):
            found = [(style, name, one["sensitivity"][characteristic][number]) for style, (name, one) in styled]
            marks = [Mark(style, one[key], _bucket_tooltip(name, one, key)) for style, name, one in found]
            counts = [f"n = {one['instances']:,}" for _, _, one in found]
            slots.append(Slot(bucket["name"], marks, [_short_range(bucket["range"]), *counts]))
        title = f"{caption} by {characteristic}"
        figures.append(Figure(title, column_chart(title, slots, top, levels)))
    return figures


def _short_range(text: str) -> str:
    """Shorten ``30 to 60 s``, so that the ranges of neighbours do not touch; ``up to 30 s`` stays."""
    return re.sub(r"(?<=\d) to (?=\d)", "-", text)


def _bucket_tooltip(name: str, bucket: BucketReport, key: BucketKey) -> str:
    """Say whose value a column is."""
    value = "" if (share := bucket[key]) is None else f": {100 * share:.2f} %"
    return f"{printable(name)}, {bucket['range']}, {bucket['instances']:,} instances{value}"
