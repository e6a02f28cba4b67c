"""The figures of the evaluation page."""

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
"""CSS classes of groups side by side: each has its own colour and dashes."""


class Figure(NamedTuple):
    """A chart with its caption."""

    caption: str
    chart: Markup


def precision_figure(columns: Sequence[ScoreColumn]) -> Figure:
    """Draw mAP against tIoU, one line per column of scores, at most one per series."""
    curves = []
    for style, column in zip(SERIES, columns, strict=False):
        points = [(float(name), value) for name, value in column.scores["mAP"].items() if name != "average"]
        curves.append(Curve(style, sorted(points)))
    places = [place for place, _ in curves[0].points]
    # Labels of ten thresholds would touch.
    shown = places if len(places) <= 6 else [*places[:-1:2], places[-1]]
    ticks = [(place, f"{place:.2f}") for place in shown]
    top = axis_top([value for curve in curves for _, value in curve.points])
    caption = "mAP against tIoU"
    return Figure(caption, line_chart(caption, curves, top, ticks, "tIoU threshold"))


def recall_figure(recalls: dict[str, float]) -> Figure:
    """Draw average recall in ``[0, 1]`` against the number of proposals per video."""
    points = sorted((float(number), value) for number, value in recalls.items())
    first, last = points[0][0], points[-1][0]
    places = [first, *(place for place in (25.0, 50.0, 75.0) if first < place < last), last]
    ticks = [(place, f"{place:g}") for place in dict.fromkeys(places)]
    caption = "AR against AN"
    chart = line_chart(caption, [Curve(SERIES[0], points)], 1.0, ticks, "proposals per video (AN)", is_filled=True)
    return Figure(caption, chart)


def error_figure(named: NamedDiagnosis) -> Figure:
    """Draw the outcomes of the best predictions, one column per multiple of the number of instances."""
    slots = []
    for errors in named.diagnosis["errors"]:
        name, fractions = f"{errors['multiple']}G", outcome_fractions(errors)
        marks = [
            Mark(one.key, fractions[one.key], f"{name}: {one.name}, {100 * fractions[one.key]:.2f} %")
            for one in OUTCOMES
        ]
        slots.append(Slot(name, marks))
    caption = f"Best predictions: {printable(named.name)}"
    return Figure(caption, stacked_chart(caption, slots))


def gain_figure(diagnoses: Sequence[NamedDiagnosis]) -> Figure:
    """Draw the average mAP gained without one type of error; a single diagnosis in the colours of the error types."""
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
    """Draw the normalized mAP of each bucket, one figure per characteristic, all to the same scale."""
    return _bucket_figures(diagnoses, "mAP_N", "Normalized mAP")


def missed_figures(diagnoses: Sequence[NamedDiagnosis]) -> list[Figure]:
    """Draw the fraction of missed instances of each bucket, one figure per characteristic, all to the same scale."""
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
    """Shorten ``30 to 60 s``, so that neighbouring labels do not touch; ``up to 30 s`` stays."""
    return re.sub(r"(?<=\d) to (?=\d)", "-", text)


def _bucket_tooltip(name: str, bucket: BucketReport, key: BucketKey) -> str:
    """Return the tooltip of a column."""
    value = "" if (fraction := bucket[key]) is None else f": {100 * fraction:.2f} %"
    return f"{printable(name)}, {bucket['range']}, {bucket['instances']:,} instances{value}"
