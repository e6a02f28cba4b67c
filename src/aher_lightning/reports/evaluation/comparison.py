"""Comparison of two prediction files: the record, and its table for a terminal."""

from __future__ import annotations

from typing import TypedDict

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from aher_lightning.reports.evaluation.protocol import (
    ProtocolReport,
    exclusion_lines,
    protocol_line,
    skipped_line,
    unknown_videos_line,
)
from aher_lightning.reports.terminal_tables import number_column, open_table, percent, printable, signed_percent


class DifferenceReport(TypedDict):
    """One score of two files.

    Attributes:
        first: Score of the first file, in ``[0, 1]``.
        second: Score of the second file, in ``[0, 1]``.
        difference: First minus second.
        low: Lower end of the interval of the difference; ``None`` if no resample contains an instance.
        high: Upper end of the interval; likewise.
        fraction_better: Fraction of the resamples in which the first is better, in ``[0, 1]``; likewise.
    """

    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    fraction_better: float | None


class ComparisonReport(TypedDict):
    """Scores of two prediction files under one protocol.

    Attributes:
        protocol: Protocol of both.
        fingerprints: Fingerprint of each group of categories that is scored separately.
        first: Name of the first file.
        second: Name of the second file.
        skipped: Rows of ``first`` and of ``second`` that were skipped, by reason.
        unknown_videos: Videos of ``first`` and of ``second`` that are not evaluated; predictions there are wrong.
        resamples: Number of bootstrap resamples.
        level: Confidence level of the intervals, in ``(0, 1)``.
        scores: Differences by score: ``mAP`` (the average), ``mAP@0.50`` and so on; those of a group are prefixed with
            its name and a slash.
    """

    protocol: ProtocolReport
    fingerprints: dict[str, str]
    first: str
    second: str
    skipped: dict[str, dict[str, int]]
    unknown_videos: dict[str, int]
    resamples: int
    level: float
    scores: dict[str, DifferenceReport]


_VERDICT_STYLES = {"better": "green", "worse": "red", "no difference shown": "dim"}


def verdict(difference: DifferenceReport) -> str:
    """Return ``better`` or ``worse`` if the whole interval is on one side of zero.

    Example:
        >>> verdict({"first": 0.5, "second": 0.4, "difference": 0.1, "low": 0.0, "high": 0.2, "fraction_better": 0.97})
        'no difference shown'
    """
    low, high = difference["low"], difference["high"]
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else "no difference shown"


def comparison_view(report: ComparisonReport) -> Group:
    """Return the comparison for a terminal: one row per score, in percent.

    Args:
        report: Scores of two files.

    Returns:
        A rich renderable that fits into 80 columns if group names are short.
    """
    level = f"{100 * report['level']:g}"
    lines = [
        f"first:  {report['first']}",
        f"second: {report['second']}",
        *_notes(report),
        protocol_line(report["protocol"]),
        *exclusion_lines(report["protocol"]),
        f"{level} % intervals of first - second, from {report['resamples']:,} resamples of the videos",
    ]
    return Group(*(Text(printable(line)) for line in lines), Text(), _score_table(report, level))


def _notes(report: ComparisonReport) -> list[str]:
    """Return what happened to the predictions of either file before scoring, one line each."""
    notes = [f"{name}: {skipped_line(reasons)}" for name, reasons in report["skipped"].items() if reasons]
    unknown = report["unknown_videos"].items()
    return notes + [f"{name}: {unknown_videos_line(count)}" for name, count in unknown if count]


def _score_table(report: ComparisonReport, level: str) -> Table:
    """Return the scores, with a section for each group."""
    headers = ("first", "second", "difference", f"{level} % interval")
    columns = [Column("%"), *map(number_column, headers), Column("first is")]
    table = open_table(f"Comparison, fingerprint {report['protocol']['fingerprint']}", columns)
    section = ""
    for key, one in report["scores"].items():
        # Group names may contain slashes, score names do not.
        group, _, score = key.rpartition("/")
        if group != section:
            table.add_section()
            fingerprint = Text(report["fingerprints"][group], style="italic")
            table.add_row(Text(printable(group), style="italic"), "", "", "", "", fingerprint)
            section = group
        low, high = one["low"], one["high"]
        interval = "-" if low is None or high is None else f"{signed_percent(low)} to {signed_percent(high)}"
        result = verdict(one)
        values = [percent(one["first"]), percent(one["second"]), signed_percent(one["difference"]), interval]
        name = "average mAP" if score == "mAP" else score
        table.add_row(Text(printable(name)), *values, Text(result, style=_VERDICT_STYLES[result]))
    return table
