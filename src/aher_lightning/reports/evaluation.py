"""What an evaluation says: the report as a record, and as a table for the terminal."""

from __future__ import annotations

from typing import TypedDict

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

HARMONIC_MEAN = "harmonic_mean"
"""Key of the harmonic mean among the groups of a report; no group may have that name."""

_ORACLE_NOTES = {
    "labels": "true labels in place of the predicted ones: what is missing are errors of localization",
    "segments": "true segments in place of the predicted ones: what is missing are errors of classification",
}

_SHOWN_NUMBERS = ("1", "10", "100")
"""AN whose recall is shown."""


class GroupReport(TypedDict, total=False):
    """Scores of one group of categories; the harmonic mean of several has no counts.

    Attributes:
        mAP: Mean average precision in ``[0, 1]`` by tIoU (``"0.50"`` and so on, ``"average"``).
        AUC: Area under AR against AN, if asked for.
        videos: Videos with an instance of the group.
        instances: Instances of the group.
    """

    mAP: dict[str, float]
    AUC: float
    videos: int
    instances: int


# The functional form, because of a key that is no identifier.
EvaluationReport = TypedDict(
    "EvaluationReport",
    {
        "oracle": str,
        "mAP": dict[str, float],
        "AR@AN": dict[str, float],
        "AUC": float,
        "videos": int,
        "instances": int,
        "predictions": int,
        "unknown_videos": int,
        "groups": dict[str, GroupReport],
        "per_class_AP": dict[str, dict[str, float]],
    },
    total=False,
)
"""Scores in ``[0, 1]`` by tIoU (``"0.50"`` and so on, ``"average"``) or AN (``"1"`` to ``"100"``).

``AR@AN`` and ``AUC`` are there if asked for, ``oracle`` and ``groups`` likewise; ``groups`` ends with
``harmonic_mean``. ``unknown_videos`` have predictions but no ground truth: their predictions are false positives.
``predictions`` are counted before an oracle leaves any out.
"""


def report_view(report: EvaluationReport) -> Group:
    """Return what the terminal shows of a report: counts, and a table of the scores in percent.

    Args:
        report: Scores of predictions.

    Returns:
        Something that rich can print.
    """
    counts = f"{report['videos']} videos, {report['instances']} instances, {report['predictions']} predictions"
    lines = [Text(counts)]
    groups = report.get("groups", {})
    lines += [
        Text(f"{name}: {group['videos']} videos, {group['instances']} instances")
        for name, group in groups.items()
        if name != HARMONIC_MEAN
    ]
    if report["unknown_videos"]:
        lines.append(Text(f"{report['unknown_videos']} predicted videos are not in the ground truth: false positives"))
    if "oracle" in report:
        lines.append(Text(f"oracle: {_ORACLE_NOTES[report['oracle']]}"))
    return Group(*lines, _group_table(report) if groups else _plain_table(report))


def _plain_table(report: EvaluationReport) -> Table:
    """Return the scores, one to a row."""
    table = Table("score", Column("%", justify="right"))
    for name, value in report["mAP"].items():
        table.add_row(_precision_name(name), _percent(value), end_section=name == "average")
    if "AUC" in report:
        for number in _SHOWN_NUMBERS:
            table.add_row(f"AR@{number}", _percent(report["AR@AN"][number]))
        table.add_row("AUC", _percent(report["AUC"]))
    return table


def _group_table(report: EvaluationReport) -> Table:
    """Return the scores of each group, of all together, and their harmonic mean, one to a column."""
    *names, _ = report["groups"]
    together: GroupReport = {"mAP": report["mAP"]}
    if "AUC" in report:
        together["AUC"] = report["AUC"]
    columns = [*(report["groups"][name] for name in names), together, report["groups"][HARMONIC_MEAN]]
    table = Table("%", *(Column(Text(name), justify="right") for name in (*names, "together", "harmonic mean")))
    for name in report["mAP"]:
        values = [_percent(column["mAP"][name]) for column in columns]
        table.add_row(_precision_name(name), *values, end_section=name == "average")
    if "AUC" in report:
        for number in _SHOWN_NUMBERS:
            recall = _percent(report["AR@AN"][number])
            table.add_row(f"AR@{number}", *["" for _ in names], recall, "")
        table.add_row("AUC", *(_percent(column["AUC"]) for column in columns))
    return table


def _precision_name(threshold: str) -> str:
    """Return the name of a row."""
    return "average mAP" if threshold == "average" else f"mAP@{threshold}"


def _percent(value: float) -> str:
    """Return a fraction in percent."""
    return f"{100 * value:.2f}"
