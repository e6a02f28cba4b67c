"""The report of an evaluation: the record, and its tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypedDict

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from aher_lightning.reports.evaluation.comparison import ComparisonReport
from aher_lightning.reports.evaluation.diagnosis import DiagnosisReport, NamedDiagnosis, diagnosis_tables
from aher_lightning.reports.evaluation.protocol import (
    ProtocolReport,
    exclusion_lines,
    protocol_line,
    skipped_line,
    unknown_categories_line,
    unknown_videos_line,
)
from aher_lightning.reports.terminal_tables import number_column, open_table, percent, printable

HARMONIC_MEAN = "harmonic_mean"
"""Key of the harmonic mean among the groups of a report; no group may have that name."""

_ORACLE_NOTES = {
    "labels": "labels replaced by the ground truth: the remaining errors are localization errors",
    "segments": "segments replaced by the ground truth: the remaining errors are classification errors",
}

_SHOWN_NUMBERS = ("1", "10", "100")
"""AN whose recall is shown, as in papers on ActivityNet."""

_SHOWN_LARGE_NUMBERS = ("50", "100", "200", "500", "1000")
"""The same where AN exceeds 100, as in papers on THUMOS14."""

_SHOWN_CATEGORIES = 5
"""How many of the best and of the worst categories the terminal shows."""


class GroupReport(TypedDict, total=False):
    """Scores of one group of categories; the harmonic mean of several has no counts.

    Attributes:
        mAP: Mean average precision in ``[0, 1]`` by tIoU (``"0.50"`` and so on, ``"average"``).
        AUC: Area under AR against AN, if requested.
        videos: Videos with an instance of the group.
        instances: Instances of the group.
        fingerprint: Identifies the videos with an instance of the group, and these instances.
        diagnosis: Diagnosis of these categories, if requested.
    """

    mAP: dict[str, float]
    AUC: float
    videos: int
    instances: int
    fingerprint: str
    diagnosis: DiagnosisReport


class SupportReport(TypedDict):
    """Number of instances, of videos with one of them, and of predictions of a category."""

    instances: int
    videos: int
    predictions: int


# The functional syntax, as "AR@AN" is not an identifier.
EvaluationReport = TypedDict(
    "EvaluationReport",
    {
        "protocol": ProtocolReport,
        "oracle": str,
        "mAP": dict[str, float],
        "AR@AN": dict[str, float],
        "AUC": float,
        "videos": int,
        "instances": int,
        "predictions": int,
        "unknown_videos": int,
        "unknown_categories": list[str],
        "skipped": dict[str, int],
        "groups": dict[str, GroupReport],
        "per_class_AP": dict[str, dict[str, float]],
        "per_class_support": dict[str, SupportReport],
        "diagnosis": DiagnosisReport,
        "comparison": ComparisonReport,
    },
    total=False,
)
"""Scores in ``[0, 1]`` by tIoU (``"0.50"`` and so on, ``"average"``) or AN (``"1"`` to ``"100"``).

``AR@AN`` and ``AUC`` are there if asked for, ``oracle`` and ``groups`` likewise; ``groups`` ends with
``harmonic_mean``. ``unknown_videos`` have predictions but no ground truth: their predictions are false positives.
``unknown_categories`` were asked for, but the ground truth does not know them. ``predictions``, and those of
``per_class_support``, are counted before an oracle leaves any out. ``protocol`` says what the numbers mean, ``skipped``
how many rows of the prediction file were left out, by reason. ``diagnosis`` says where the errors come from. Of two
files there is ``comparison`` alone.
"""


class ScoreColumn(NamedTuple):
    """Scores in one column.

    Attributes:
        name: A group, all categories together, or the harmonic mean of the groups.
        scores: The scores.
        is_overall: Whether these are the scores of all categories together.
    """

    name: str
    scores: GroupReport
    is_overall: bool = False


def report_view(report: EvaluationReport) -> Group:
    """Return a report for the terminal: counts, and tables of the scores in percent.

    Args:
        report: Scores of predictions.

    Returns:
        A rich renderable that fits into 80 columns if names are short.
    """
    tables = [_score_table(report)]
    if found := diagnoses(report):
        tables += [_category_table(report), *diagnosis_tables(found)]
    parts = [part for table in tables for part in (Text(), table)]
    return Group(*map(Text, summary_lines(report)), *parts[1:])


def score_columns(report: EvaluationReport) -> list[ScoreColumn]:
    """Return the columns of scores: each group, all categories together, and the harmonic mean of the groups."""
    together: GroupReport = {"mAP": report["mAP"], "videos": report["videos"], "instances": report["instances"]}
    if "AUC" in report:
        together["AUC"] = report["AUC"]
    if "protocol" in report:
        together["fingerprint"] = report["protocol"]["fingerprint"]
    if "diagnosis" in report:
        together["diagnosis"] = report["diagnosis"]
    groups = report.get("groups", {})
    columns = [ScoreColumn(name, group) for name, group in groups.items() if name != HARMONIC_MEAN]
    columns.append(ScoreColumn("together" if groups else "all", together, is_overall=True))
    if HARMONIC_MEAN in groups:
        columns.append(ScoreColumn("harmonic mean", groups[HARMONIC_MEAN]))
    return columns


def diagnoses(report: EvaluationReport) -> list[NamedDiagnosis]:
    """Return all diagnoses of a report, that of all categories first; empty if none was requested."""
    columns = sorted(score_columns(report), key=lambda column: not column.is_overall)
    return [NamedDiagnosis(one.name, one.scores["diagnosis"]) for one in columns if "diagnosis" in one.scores]


def summary_lines(report: EvaluationReport) -> list[str]:
    """Return counts, protocol and notes, one line each."""
    lines = [f"{report['videos']} videos, {report['instances']} instances, {report['predictions']} predictions"]
    lines += [
        f"{name}: {group['videos']} videos, {group['instances']} instances"
        for name, group in report.get("groups", {}).items()
        if name != HARMONIC_MEAN
    ]
    if "protocol" in report:
        lines += [protocol_line(report["protocol"]), *exclusion_lines(report["protocol"])]
    return [printable(line) for line in lines] + score_notes(report)


def score_notes(report: EvaluationReport) -> list[str]:
    """Return what happened to predictions before scoring, one line each; empty if nothing happened."""
    notes = []
    if report.get("skipped"):
        notes.append(skipped_line(report["skipped"]))
    if names := report.get("unknown_categories"):
        notes.append(unknown_categories_line(names))
    if report["unknown_videos"]:
        notes.append(unknown_videos_line(report["unknown_videos"]))
    if "oracle" in report:
        notes.append(f"oracle: {_ORACLE_NOTES[report['oracle']]}")
    return [printable(note) for note in notes]


def shown_numbers(recalls: Mapping[str, float]) -> list[str]:
    """Return the AN whose recall is shown.

    Example:
        >>> shown_numbers({str(number): 0.5 for number in range(1, 101)})
        ['1', '10', '100']
    """
    wanted = _SHOWN_NUMBERS if _SHOWN_NUMBERS[0] in recalls else _SHOWN_LARGE_NUMBERS
    return [number for number in wanted if number in recalls]


def precision_name(threshold: str) -> str:
    """Return the name of the mAP at a threshold.

    Example:
        >>> precision_name("0.50"), precision_name("average")
        ('mAP@0.50', 'average mAP')
    """
    return "average mAP" if threshold == "average" else f"mAP@{threshold}"


def _score_table(report: EvaluationReport) -> Table:
    """Return the scores, one per row: of each group, of all together, and their harmonic mean, one per column."""
    columns = score_columns(report)
    scores = [column.scores for column in columns]
    if len(columns) > 1:
        # A fingerprint wraps where there is no room: truncated, it would not say what compares.
        names = [Column(Text(printable(column.name)), justify="right", overflow="fold") for column in columns]
        table = Table(Column("%", overflow="fold"), *names)
    else:
        table = Table("score", Column("%", justify="right"))
    if any("fingerprint" in one for one in scores):
        table.add_row("fingerprint", *(one.get("fingerprint", "") for one in scores), end_section=True)
    for name in report["mAP"]:
        values = [percent(one["mAP"][name]) for one in scores]
        table.add_row(precision_name(name), *values, end_section=name == "average")
    if "AUC" in report:
        for number in shown_numbers(report["AR@AN"]):
            recall = percent(report["AR@AN"][number])
            table.add_row(f"AR@{number}", *(recall if column.is_overall else "" for column in columns))
        table.add_row("AUC", *(percent(one["AUC"]) for one in scores))
    return table


def _category_table(report: EvaluationReport) -> Table:
    """Return the best and the worst categories with their support."""
    support = report["per_class_support"]
    ranked = sorted(report["per_class_AP"].items(), key=lambda item: -item[1]["average"])
    is_long = len(ranked) > 2 * _SHOWN_CATEGORIES
    title = (
        f"{_SHOWN_CATEGORIES} best and {_SHOWN_CATEGORIES} worst of {len(ranked)} categories"
        if is_long
        else "Categories"
    )
    columns = ("average\nAP %", "instances", "videos", "predictions")
    table = open_table(title, [Column(vertical="bottom"), *map(number_column, columns)])
    shown = [*ranked[:_SHOWN_CATEGORIES], *ranked[-_SHOWN_CATEGORIES:]] if is_long else ranked
    for place, (name, precisions) in enumerate(shown, start=1):
        one = support[name]
        counts = [f"{count:,}" for count in (one["instances"], one["videos"], one["predictions"])]
        is_last_best = is_long and place == _SHOWN_CATEGORIES
        table.add_row(Text(printable(name)), percent(precisions["average"]), *counts, end_section=is_last_best)
    return table
