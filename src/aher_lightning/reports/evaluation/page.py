"""An evaluation and its diagnosis as one self-contained HTML file."""

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
"""mAP in large type, if the report has these thresholds."""


class _Fact(NamedTuple):
    """A name and its value, as text."""

    name: str
    value: str


class _LegendEntry(NamedTuple):
    """What a colour stands for: CSS class of the colour, name, and explanation."""

    style: str
    name: str
    meaning: str = ""


class _GroupSection(NamedTuple):
    """Groups of categories side by side; no legend and figures if there are more groups than colours."""

    legend: list[_LegendEntry]
    precision: list[Figure]
    errors: list[Figure]
    gains: list[Figure]
    sensitivity: list[Figure]
    missed: list[Figure]
    numbers: list[PageTable]


class _DiagnosisSection(NamedTuple):
    """Diagnosis of all categories together: texts in percent, figures, and the tables behind them."""

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

    Styles, scripts and figures are embedded, and a content security policy blocks every other load. The same report
    gives the same bytes. Parts that a report lacks are omitted.

    Args:
        path: File to write or to replace.
        report: Scores of predictions, with or without protocol, groups, recall and diagnosis.
        title: Title of the page, such as the name of the prediction file.

    Raises:
        ConfigError: If the file cannot be written.
    """
    write_text(path, render_page(report, title=title), ConfigError)


def render_page(report: EvaluationReport, *, title: str = "Evaluation") -> str:
    """Return the page of an evaluation as HTML, with all names escaped."""
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
        "characteristics": ", ".join(f"{name} ({meaning})" for name, meaning in CHARACTERISTICS.items()),
        "outcomes": [_LegendEntry(one.key, one.name, one.meaning) for one in OUTCOMES],
        "categories": category_table(report),
    }
    return render_template("evaluation", values)


def _headlines(report: EvaluationReport) -> list[_Fact]:
    """Return the numbers in large type."""
    numbers = [
        _Fact(precision_name(name), percent(report["mAP"][name])) for name in _HEADLINES if name in report["mAP"]
    ]
    if "AUC" in report:
        numbers.append(_Fact("AUC", percent(report["AUC"])))
    if "diagnosis" in report:
        numbers.append(_Fact("instances missed", percent(report["diagnosis"]["missed"])))
    return numbers


def _counts(report: EvaluationReport) -> str:
    """Return the number of videos, instances and predictions."""
    return f"{report['videos']:,} videos, {report['instances']:,} instances, {report['predictions']:,} predictions"


def _facts(report: EvaluationReport) -> list[_Fact]:
    """Return everything that decides whether two numbers compare; empty without a protocol."""
    if "protocol" not in report:
        return []
    protocol = report["protocol"]
    facts = [
        _Fact("Fingerprint", protocol["fingerprint"]),
        _Fact("Protocol", printable(protocol["name"])),
        _Fact("Subset", printable(protocol["subset"])),
        _Fact("tIoU of mAP", thresholds_text(protocol["thresholds"])),
        _Fact("tIoU of AR and AUC", thresholds_text(protocol["recall_thresholds"])),
        _Fact("Categories", "all count as one" if protocol["class_agnostic"] else "scored one by one"),
        _Fact("Excluded categories", ", ".join(map(printable, protocol["excluded_categories"])) or "none"),
        _Fact("Excluded videos", f"{protocol['blocked_videos']:,}"),
        _Fact("Predicted videos without ground truth", f"{report['unknown_videos']:,}"),
        _Fact("Rows skipped", f"{sum(report.get('skipped', {}).values()):,}"),
    ]
    if "oracle" in report:
        facts.append(_Fact("Oracle", report["oracle"]))
    return facts


def _score_figures(report: EvaluationReport, columns: Sequence[ScoreColumn]) -> list[Figure]:
    """Return the figures of all categories together."""
    figures = [precision_figure([column for column in columns if column.is_overall])]
    return [*figures, recall_figure(report["AR@AN"])] if report.get("AR@AN") else figures


def _group_section(columns: Sequence[ScoreColumn]) -> _GroupSection:
    """Return figures and tables of groups; their scores are in the table of all scores."""
    groups = [column for column in columns if not column.is_overall and "videos" in column.scores]
    found = [NamedDiagnosis(one.name, one.scores["diagnosis"]) for one in groups if "diagnosis" in one.scores]
    numbers = [table(found) for table in (error_table, gain_table, bucket_table)] if found else []
    if len(groups) > len(SERIES):
        return _GroupSection([], [], [], [], [], [], numbers)
    legend = [_LegendEntry(style, printable(one.name)) for style, one in zip(SERIES, groups, strict=False)]
    precision = [precision_figure(groups)]
    # Colours follow the position of a group: a missing diagnosis would shift those of the others.
    if len(found) < len(groups):
        return _GroupSection(legend, precision, [], [], [], [], numbers)
    figures = sensitivity_figures(found), missed_figures(found)
    return _GroupSection(
        legend, precision, [error_figure(one) for one in found], [gain_figure(found)], *figures, numbers
    )


def _diagnosis_section(diagnosis: DiagnosisReport) -> _DiagnosisSection:
    """Return figures and tables of all categories together."""
    found = [NamedDiagnosis("all categories", diagnosis)]
    return _DiagnosisSection(
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
