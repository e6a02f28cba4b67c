"""Diagnosis of a detector: the records, and their tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypedDict

from rich.table import Column, Table
from rich.text import Text

from aher_lightning.reports.terminal_tables import number_column, open_table, percent, printable, signed_percent

_SHOWN_MULTIPLES = (1, 2, 5, 10)
"""Multiples of the number of instances whose error types the terminal shows."""


_OutcomeKey = Literal["true_positive", "double_detection", "wrong_label", "localization", "confusion", "background"]


class _Outcome(NamedTuple):
    """What can become of a prediction: key in the records, displayed name, and meaning."""

    key: _OutcomeKey
    name: str
    meaning: str


TRUE_POSITIVE = _Outcome("true_positive", "true positive", "matches an instance of its category")

ERROR_TYPES = (
    _Outcome("double_detection", "double detection", "matches an instance that a better prediction already matched"),
    _Outcome("wrong_label", "wrong label", "reaches the threshold with an instance of another category"),
    _Outcome("localization", "localization", "overlaps an instance of its category below the threshold"),
    _Outcome("confusion", "confusion", "overlaps an instance of another category below the threshold"),
    _Outcome("background", "background", "overlaps no instance (tIoU below 0.1)"),
)
"""Types of false positives, in the order of the tables."""

OUTCOMES = (TRUE_POSITIVE, *ERROR_TYPES)

CHARACTERISTICS = {
    "length": "duration of the instance",
    "coverage": "fraction of its video",
    "count": "instances of its category in its video",
}
"""What instances are grouped by, and what that means."""


class BucketReport(TypedDict):
    """Instances with similar values of one characteristic.

    Attributes:
        name: Size, from ``XS`` to ``XL``.
        range: The values of the characteristic, in words.
        instances: Number of instances.
        mAP_N: Normalized mAP on these, in ``[0, 1]``; ``None`` if there are none.
        missed: Fraction of these that was missed, in ``[0, 1]``; ``None`` if there are none.
    """

    name: str
    range: str
    instances: int
    mAP_N: float | None
    missed: float | None


class ErrorReport(TypedDict):
    """Outcomes of the best-scored predictions.

    Attributes:
        multiple: Predictions per category, in multiples of its number of instances.
        predictions: Their number.
        true_positive: Those that found an instance.
        double_detection: Those whose instance had already been found.
        wrong_label: Those on an instance of another category.
        localization: Those that overlap an instance of their category too little.
        confusion: Those that overlap an instance of another category too little.
        background: Those that overlap no instance.
    """

    multiple: int
    predictions: int
    true_positive: int
    double_detection: int
    wrong_label: int
    localization: int
    confusion: int
    background: int


class DiagnosisReport(TypedDict):
    """Diagnosis by the method of Alwassel et al., "Diagnosing Error in Temporal Action Detectors" (ECCV 2018).

    Attributes:
        tIoU: Threshold of error types and missed instances.
        mAP_N: Normalized mAP of all instances, in ``[0, 1]``.
        missed: Fraction of all instances that was missed, in ``[0, 1]``.
        instances_per_category: Mean number that precision is normalized by.
        sensitivity: Buckets by characteristic: ``length``, ``coverage``, ``count``.
        errors: Outcomes of the best predictions, by ascending multiple.
        gains: Average mAP gained by leaving out all errors of a type.
    """

    tIoU: float
    mAP_N: float
    missed: float
    instances_per_category: float
    sensitivity: dict[str, list[BucketReport]]
    errors: list[ErrorReport]
    gains: dict[str, float]


BucketKey = Literal["mAP_N", "missed"]
"""What is reported for each bucket, and for all instances."""


class NamedDiagnosis(NamedTuple):
    """Diagnosis of all categories or of a group, with its name."""

    name: str
    diagnosis: DiagnosisReport


def outcome_fractions(errors: ErrorReport) -> dict[str, float]:
    """Return the fraction of the predictions with each outcome, in ``[0, 1]``; zeros if there is no prediction.

    Example:
        >>> counts = dict.fromkeys((one.key for one in OUTCOMES), 0) | {"true_positive": 1, "background": 3}
        >>> fractions = outcome_fractions({"multiple": 1, "predictions": 4, **counts})
        >>> fractions["true_positive"], fractions["confusion"], fractions["background"]
        (0.25, 0.0, 0.75)
    """
    return {one.key: errors[one.key] / max(errors["predictions"], 1) for one in OUTCOMES}


def diagnosis_tables(diagnoses: Sequence[NamedDiagnosis]) -> list[Table]:
    """Return tables of error types, gains, and sensitivity, with a row for each diagnosis.

    Args:
        diagnoses: At least one; instances are counted for the first.

    Returns:
        The tables; they fit into 80 columns if the names are short.
    """
    missed = f"Instances missed at tIoU {diagnoses[0].diagnosis['tIoU']:.2f}, %"
    return [
        _error_table(diagnoses),
        _gain_table(diagnoses),
        _bucket_table(diagnoses, "mAP_N", "Normalized mAP, %"),
        _bucket_table(diagnoses, "missed", missed),
    ]


def _error_table(diagnoses: Sequence[NamedDiagnosis]) -> Table:
    """Return the outcomes of the best predictions, in percent of these."""
    threshold = diagnoses[0].diagnosis["tIoU"]
    columns = [Column(), number_column("best")]
    columns += [number_column(one.name.replace(" ", "\n")) for one in OUTCOMES]
    table = open_table(f"Best predictions at tIoU {threshold:.2f}, % (G: number of instances)", columns)
    for name, diagnosis in diagnoses:
        shown = [errors for errors in diagnosis["errors"] if errors["multiple"] in _SHOWN_MULTIPLES]
        for number, errors in enumerate(shown):
            fractions = outcome_fractions(errors)
            values = [percent(fractions[one.key], 1) if errors["predictions"] else "-" for one in OUTCOMES]
            first = Text(printable(name) if number == 0 else "")
            table.add_row(first, f"{errors['multiple']}G", *values, end_section=number == len(shown) - 1)
    return table


def _gain_table(diagnoses: Sequence[NamedDiagnosis]) -> Table:
    """Return the gain from removing each type of error."""
    columns = [Column(), *(number_column(one.name.replace(" ", "\n")) for one in ERROR_TYPES)]
    table = open_table("Average mAP gained without each error type, percentage points", columns)
    for name, diagnosis in diagnoses:
        values = [signed_percent(diagnosis["gains"][one.key]) for one in ERROR_TYPES]
        table.add_row(Text(printable(name)), *values)
    return table


def _bucket_table(diagnoses: Sequence[NamedDiagnosis], key: BucketKey, title: str) -> Table:
    """Return one value of all buckets, with a section for each characteristic."""
    first = diagnoses[0].diagnosis
    names = [bucket["name"] for bucket in max(first["sensitivity"].values(), key=len, default=[])]
    sizes = len(names)
    columns = [Column(), *(number_column(name, no_wrap=False) for name in names), number_column("all")]
    table = open_table(title, columns)
    for characteristic, buckets in first["sensitivity"].items():
        table.add_row(characteristic, *_padded([bucket["range"] for bucket in buckets], sizes), "", style="italic")
        table.add_row("instances", *_padded([f"{one['instances']:,}" for one in buckets], sizes), "", style="dim")
        for number, (name, diagnosis) in enumerate(diagnoses):
            values = [percent(bucket[key], 1) for bucket in diagnosis["sensitivity"][characteristic]]
            row = [*_padded(values, sizes), percent(diagnosis[key], 1)]
            table.add_row(Text(printable(name)), *row, end_section=number == len(diagnoses) - 1)
    return table


def _padded(values: list[str], length: int) -> list[str]:
    """Return the values, padded with empty cells for characteristics with fewer buckets."""
    return values + [""] * (length - len(values))
