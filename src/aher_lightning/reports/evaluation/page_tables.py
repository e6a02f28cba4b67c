"""The tables of the evaluation page: every figure has its numbers beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aher_lightning.reports.evaluation.diagnosis import (
    ERROR_TYPES,
    OUTCOMES,
    NamedDiagnosis,
    outcome_fractions,
)
from aher_lightning.reports.evaluation.report import EvaluationReport, ScoreColumn, precision_name, shown_numbers
from aher_lightning.reports.terminal_tables import percent, printable, signed_percent

_MOST_THRESHOLDS = 4
"""Most thresholds to show AP for, per category; of more, only the commonly reported ones."""

_REPORTED_THRESHOLDS = ("0.50", "0.75", "0.95")


class PageTable(NamedTuple):
    """A table with its caption, whose first column names the rows."""

    caption: str
    header: list[str]
    rows: list[list[str]]


class _CategoryRow(NamedTuple):
    """A category: name, average precision in ``[0, 1]``, and the numbers of the columns."""

    name: str
    average: float
    numbers: list[str]


class _CategoryTable(NamedTuple):
    """All categories, the best first."""

    header: list[str]
    rows: list[_CategoryRow]


def score_table(columns: Sequence[ScoreColumn], recalls: Mapping[str, float]) -> PageTable:
    """Return all scores, with what decides whether two columns compare.

    Args:
        columns: Scores of groups, of all categories together, and their harmonic mean.
        recalls: Recall by number of proposals, of all together; may be empty.
    """
    scores = [column.scores for column in columns]
    rows = []
    if any("fingerprint" in one for one in scores):
        rows.append(["fingerprint", *(one.get("fingerprint", "") for one in scores)])
    rows.append(["videos", *(f"{one['videos']:,}" if "videos" in one else "" for one in scores)])
    rows.append(["instances", *(f"{one['instances']:,}" if "instances" in one else "" for one in scores)])
    rows += [[precision_name(name), *(percent(one["mAP"][name]) for one in scores)] for name in scores[0]["mAP"]]
    for number in shown_numbers(recalls):
        shown = [percent(recalls[number]) if column.is_overall else "" for column in columns]
        rows.append([f"AR@{number}", *shown])
    if any("AUC" in one for one in scores):
        rows.append(["AUC", *(percent(one["AUC"]) if "AUC" in one else "" for one in scores)])
    if any("diagnosis" in one for one in scores):
        rows += _diagnosis_rows(columns)
    return PageTable("Scores, %", ["", *(printable(column.name) for column in columns)], rows)


def error_table(diagnoses: Sequence[NamedDiagnosis]) -> PageTable:
    """Return the outcomes of the best predictions of each diagnosis, in percent of these."""
    rows = []
    for name, diagnosis in diagnoses:
        first = f"{printable(name)}, " if len(diagnoses) > 1 else ""
        for errors in diagnosis["errors"]:
            fractions = outcome_fractions(errors)
            values = [percent(fractions[one.key]) for one in OUTCOMES]
            rows.append([f"{first}{errors['multiple']}G", f"{errors['predictions']:,}", *values])
    return PageTable("Outcomes, % of the predictions", ["best", "predictions", *(one.name for one in OUTCOMES)], rows)


def gain_table(diagnoses: Sequence[NamedDiagnosis]) -> PageTable:
    """Return the average mAP gained without the errors of one type, one column per diagnosis."""
    rows = [
        [one.name, *(signed_percent(diagnosis["gains"][one.key]) for _, diagnosis in diagnoses)] for one in ERROR_TYPES
    ]
    return PageTable("Gain in average mAP, percentage points", ["", *(printable(name) for name, _ in diagnoses)], rows)


def bucket_table(diagnoses: Sequence[NamedDiagnosis]) -> PageTable:
    """Return number, normalized mAP and missed fraction of each bucket, three columns per diagnosis."""
    header = ["instances"]
    for name, _ in diagnoses:
        first = f"{printable(name)}: " if len(diagnoses) > 1 else ""
        header += [f"{first}number", f"{first}mAP_N", f"{first}missed"]
    rows = []
    for key, buckets in diagnoses[0].diagnosis["sensitivity"].items():
        for place, bucket in enumerate(buckets):
            row = [f"{key} {bucket['name']}: {bucket['range']}"]
            for _, diagnosis in diagnoses:
                one = diagnosis["sensitivity"][key][place]
                row += [f"{one['instances']:,}", percent(one["mAP_N"]), percent(one["missed"])]
            rows.append(row)
    overall = ["all"]
    for _, diagnosis in diagnoses:
        overall += ["", percent(diagnosis["mAP_N"]), percent(diagnosis["missed"])]
    return PageTable("Kinds of instances, %", header, [*rows, overall])


def category_table(report: EvaluationReport) -> _CategoryTable:
    """Return all categories with their average precision and support, the best first."""
    precisions = report.get("per_class_AP", {})
    support = report.get("per_class_support", {})
    thresholds = [name for name in report["mAP"] if name != "average"]
    if len(thresholds) > _MOST_THRESHOLDS:
        thresholds = [name for name in thresholds if name in _REPORTED_THRESHOLDS]
    rows = []
    for name, one in sorted(precisions.items(), key=lambda item: -item[1]["average"]):
        numbers = [percent(one[threshold]) for threshold in thresholds]
        if support:
            counts = support[name]
            numbers += [f"{count:,}" for count in (counts["instances"], counts["videos"], counts["predictions"])]
        rows.append(_CategoryRow(printable(name), one["average"], numbers))
    header = [f"AP@{threshold}" for threshold in thresholds]
    return _CategoryTable(header + (["instances", "videos", "predictions"] if support else []), rows)


def _diagnosis_rows(columns: Sequence[ScoreColumn]) -> list[list[str]]:
    """Return the summary numbers of the diagnoses."""
    found = [column.scores.get("diagnosis") for column in columns]
    return [
        ["normalized mAP", *("" if one is None else percent(one["mAP_N"]) for one in found)],
        ["missed instances", *("" if one is None else percent(one["missed"]) for one in found)],
    ]
