"""One file that shows an evaluation and its diagnosis in a browser, without network and without anything beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import ConfigError
from aher_lightning.files.json_files import write_text
from aher_lightning.reports.evaluation.diagnosis import CHARACTERISTICS, OUTCOMES, DiagnosisReport, NamedDiagnosis
from aher_lightning.reports.evaluation.page_figures import (
    SERIES,
    Figure,
    error_figure,
    gain_figure,
    missed_figures,
    precision_figure,
    recall_figure,
    sensitivity_figures,
)
from aher_lightning.reports.evaluation.page_tables import (
    PageTable,
    bucket_table,
    category_table,
    error_table,
    gain_table,
    score_table,
)
from aher_lightning.reports.evaluation.protocol import thresholds_text
from aher_lightning.reports.evaluation.report import (
    EvaluationReport,
    ScoreColumn,
    precision_name,
    score_columns,
    score_notes,
)
from aher_lightning.reports.page_template import render_template
from aher_lightning.reports.terminal_tables import percent, printable

_HEADLINES = ("average", "0.50", "0.75", "0.95")
"""mAP shown in large letters, where the thresholds are among those of the report."""


class Fact(NamedTuple):
    """A name and a value.

    Attributes:
        name: What it is.
        value: Its value, as text.
    """

    name: str
    value: str


class LegendEntry(NamedTuple):
    """What a colour stands for.

    Attributes:
        style: Class of the colour.
        name: Its name.
        meaning: Some words more.
    """

    style: str
    name: str
    meaning: str = ""


class GroupSection(NamedTuple):
    """Groups of categories side by side.

    Attributes:
        legend: Their colours; empty if there are more groups than colours, and then no figure either.
        precision: mAP against tIoU.
        errors: What became of predictions, a figure for each group.
        gains: What leaving out errors brings.
        sensitivity: Normalized mAP of all kinds of instances.
        missed: Share of all kinds of instances that was missed.
        numbers: The numbers behind these.
    """

    legend: list[LegendEntry]
    precision: list[Figure]
    errors: list[Figure]
    gains: list[Figure]
    sensitivity: list[Figure]
    missed: list[Figure]
    numbers: list[PageTable]


class DiagnosisSection(NamedTuple):
    """Where the errors of all categories together come from.

    Attributes:
        threshold: tIoU of error types and missed instances.
        instances_per_category: What precision is normalized by.
        precision: Normalized mAP of all instances, in percent.
        missed: Missed instances, in percent.
        errors: Figure and numbers of what became of predictions.
        gains: Figure and numbers of what leaving out errors brings.
        sensitivity: Normalized mAP of all kinds of instances.
        missed_figures: Share of all kinds of instances that was missed.
        buckets: The numbers of these two.
    """

    threshold: str
    instances_per_category: str
    precision: str
    missed: str
    errors: tuple[Figure, PageTable]
    gains: tuple[Figure, PageTable]
    sensitivity: list[Figure]
    missed_figures: list[Figure]
    buckets: PageTable


def write_page(path: Path, report: EvaluationReport, *, title: str = "Evaluation") -> None:
    """Write an evaluation as one HTML file, atomically.

    The file needs nothing else: styles, scripts and figures are inside, and a content security policy forbids every
    other load. The same report gives the same bytes. Parts that a report does not have are left out.

    Args:
        path: File to write or to replace.
        report: Scores of predictions, with or without protocol, groups, recall and diagnosis.
        title: Title of the page, such as the name of the prediction file.

    Raises:
        ConfigError: If the file cannot be written.
    """
    write_text(path, render_page(report, title=title), ConfigError)


def render_page(report: EvaluationReport, *, title: str = "Evaluation") -> str:
    """Return the page of an evaluation as text.

    Args:
        report: Scores of predictions.
        title: Title of the page.

    Returns:
        HTML. Names are escaped wherever they stand.
    """
    columns = score_columns(report)
    values: dict[str, object] = {
        "title": printable(title),
        "headlines": _headlines(report),
        "counts": _counts(report),
        "facts": _facts(report),
        "notes": score_notes(report),
        "scores": score_table(columns, report.get("AR@AN", {})),
        "score_figures": _score_figures(report, columns),
        "groups": _group_section(columns) if report.get("groups") else None,
        "diagnosis": _diagnosis_section(report["diagnosis"]) if "diagnosis" in report else None,
        "told_apart": ", ".join(f"{name} ({meaning})" for name, meaning in CHARACTERISTICS.items()),
        "outcomes": [LegendEntry(one.key, one.name, one.meaning) for one in OUTCOMES],
        "categories": category_table(report),
    }
    return render_template("evaluation", values)


def _headlines(report: EvaluationReport) -> list[Fact]:
    """Return the numbers in large letters."""
    numbers = [Fact(precision_name(name), percent(report["mAP"][name])) for name in _HEADLINES if name in report["mAP"]]
    if "AUC" in report:
        numbers.append(Fact("AUC", percent(report["AUC"])))
    if "diagnosis" in report:
        numbers.append(Fact("instances missed", percent(report["diagnosis"]["missed"])))
    return numbers


def _counts(report: EvaluationReport) -> str:
    """Return how much was scored."""
    return f"{report['videos']:,} videos, {report['instances']:,} instances, {report['predictions']:,} predictions"


def _facts(report: EvaluationReport) -> list[Fact]:
    """Return everything that decides whether two numbers compare; nothing without a protocol."""
    if "protocol" not in report:
        return []
    protocol = report["protocol"]
    facts = [
        Fact("Fingerprint", protocol["fingerprint"]),
        Fact("Protocol", printable(protocol["name"])),
        Fact("Subset", printable(protocol["subset"])),
        Fact("tIoU of mAP", thresholds_text(protocol["thresholds"])),
        Fact("tIoU of AR and AUC", thresholds_text(protocol["recall_thresholds"])),
        Fact("Categories", "all count as one" if protocol["class_agnostic"] else "scored one by one"),
        Fact("Excluded categories", ", ".join(map(printable, protocol["excluded_categories"])) or "none"),
        Fact("Blocked videos", f"{protocol['blocked_videos']:,}"),
        Fact("Predicted videos without ground truth", f"{report['unknown_videos']:,}"),
        Fact("Rows left out", f"{sum(report.get('skipped', {}).values()):,}"),
    ]
    if "oracle" in report:
        facts.append(Fact("Oracle", report["oracle"]))
    return facts


def _score_figures(report: EvaluationReport, columns: Sequence[ScoreColumn]) -> list[Figure]:
    """Return the figures of all categories together."""
    figures = [precision_figure([column for column in columns if column.is_overall])]
    return [*figures, recall_figure(report["AR@AN"])] if report.get("AR@AN") else figures


def _group_section(columns: Sequence[ScoreColumn]) -> GroupSection:
    """Return what is shown of groups; their scores stand in the table of all scores."""
    groups = [column for column in columns if not column.is_overall and "videos" in column.scores]
    found = [NamedDiagnosis(one.name, one.scores["diagnosis"]) for one in groups if "diagnosis" in one.scores]
    numbers = [table(found) for table in (error_table, gain_table, bucket_table)] if found else []
    if len(groups) > len(SERIES):
        return GroupSection([], [], [], [], [], [], numbers)
    legend = [LegendEntry(style, printable(one.name)) for style, one in zip(SERIES, groups, strict=False)]
    precision = [precision_figure(groups)]
    # Colours follow the place of a group: without the diagnosis of one, the others would take its colour.
    if len(found) < len(groups):
        return GroupSection(legend, precision, [], [], [], [], numbers)
    figures = sensitivity_figures(found), missed_figures(found)
    return GroupSection(
        legend, precision, [error_figure(one) for one in found], [gain_figure(found)], *figures, numbers
    )


def _diagnosis_section(diagnosis: DiagnosisReport) -> DiagnosisSection:
    """Return the figures and numbers of all categories together."""
    found = [NamedDiagnosis("all categories", diagnosis)]
    return DiagnosisSection(
        threshold=f"{diagnosis['tIoU']:.2f}",
        instances_per_category=f"{diagnosis['instances_per_category']:.2f}",
        precision=percent(diagnosis["mAP_N"]),
        missed=percent(diagnosis["missed"]),
        errors=(error_figure(found[0]), error_table(found)),
        gains=(gain_figure(found), gain_table(found)),
        sensitivity=sensitivity_figures(found),
        missed_figures=missed_figures(found),
        buckets=bucket_table(found),
    )
