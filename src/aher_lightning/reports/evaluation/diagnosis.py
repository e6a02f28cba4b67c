"""Where the errors of a detector come from: the records, and their tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypedDict

from rich.table import Column, Table
from rich.text import Text

from aher_lightning.reports.terminal_tables import number_column, open_table, percent, printable, signed_percent

SHOWN_MULTIPLES = (1, 2, 5, 10)
"""Multiples of the number of instances whose error types the terminal shows."""


class Outcome(NamedTuple):
    """What can become of a prediction.

    Attributes:
        key: Its key in the records.
        name: Its name where people read it.
        meaning: What it says, for a true positive or an error type.
    """

    key: str
    name: str
    meaning: str


TRUE_POSITIVE = Outcome("true_positive", "true positive", "finds an instance of its category that nothing found before")

ERROR_TYPES = (
    Outcome("double_detection", "double detection", "finds an instance that a better-scored prediction has found"),
    Outcome("wrong_label", "wrong label", "lies well on an instance of another category"),
    Outcome("localization", "localization", "touches an instance of its category, but start or end are too far off"),
    Outcome("confusion", "confusion", "touches an instance of another category, and start or end are off as well"),
    Outcome("background", "background", "lies where no instance is"),
)
"""The types of false positives, in the order of the tables."""

OUTCOMES = (TRUE_POSITIVE, *ERROR_TYPES)

CHARACTERISTICS = {
    "length": "how long the instance is",
    "coverage": "which share of its video it takes",
    "count": "how many instances of its category its video has",
}
"""What instances are told apart by, and what that means."""


class BucketReport(TypedDict):
    """Instances that are alike in one characteristic.

    Attributes:
        name: Size, from ``XS`` to ``XL``.
        range: The values of the characteristic, in words.
        instances: How many there are.
        mAP_N: Normalized mAP on these, in ``[0, 1]``; ``None`` if there are none.
        missed: Share of these that were not found, in ``[0, 1]``; ``None`` if there are none.
    """

    name: str
    range: str
    instances: int
    mAP_N: float | None
    missed: float | None


class ErrorReport(TypedDict):
    """What became of the best-scored predictions.

    Attributes:
        multiple: How many predictions of each category, in multiples of its number of instances.
        predictions: How many these are.
        true_positive: Those that found an instance.
        double_detection: Those whose instance had been found before.
        wrong_label: Those on an instance of another category.
        localization: Those that are too far off an instance of their category.
        confusion: Those that are too far off an instance of another category.
        background: Those that are nowhere near an instance.
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
        tIoU: Threshold that error types and missed instances are determined at.
        mAP_N: Normalized mAP of all instances, in ``[0, 1]``.
        missed: Share of all instances that were not found, in ``[0, 1]``.
        instances_per_category: Mean number that precision is normalized by.
        sensitivity: Buckets by characteristic: ``length``, ``coverage``, ``count``.
        errors: What became of the best predictions, by growing multiple.
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
"""What is known of each bucket, and of all instances."""


class NamedDiagnosis(NamedTuple):
    """Diagnosis of all categories or of a group.

    Attributes:
        name: Whose it is.
        diagnosis: The diagnosis.
    """

    name: str
    diagnosis: DiagnosisReport


def outcome_fractions(errors: ErrorReport) -> dict[str, float]:
    """Return which share of the predictions came out how.

    Args:
        errors: The counts.

    Returns:
        Shares in ``[0, 1]`` by outcome; zeros if there is no prediction.

    Example:
        >>> counts = dict.fromkeys((one.key for one in OUTCOMES), 0) | {"true_positive": 1, "background": 3}
        >>> shares = outcome_fractions({"multiple": 1, "predictions": 4, **counts})
        >>> shares["true_positive"], shares["confusion"], shares["background"]
        (0.25, 0.0, 0.75)
    """
    counts = _counts(errors)
    return {key: count / max(errors["predictions"], 1) for key, count in counts.items()}


def diagnosis_tables(diagnoses: Sequence[NamedDiagnosis]) -> list[Table]:
    """Return tables of error types, gains, and sensitivity, with a row for each diagnosis.

    Args:
        diagnoses: What to show below one another, at least one; the first one's instances are counted.

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
    """Return what became of the best predictions, in percent of these."""
    threshold = diagnoses[0].diagnosis["tIoU"]
    columns = [Column(), number_column("best")]
    columns += [number_column(one.name.replace(" ", "\n")) for one in OUTCOMES]
    table = open_table(f"Best predictions at tIoU {threshold:.2f}, % (G: as many as instances)", columns)
    for name, diagnosis in diagnoses:
        shown = [errors for errors in diagnosis["errors"] if errors["multiple"] in SHOWN_MULTIPLES]
        for number, errors in enumerate(shown):
            shares = outcome_fractions(errors)
            values = [percent(shares[one.key], 1) if errors["predictions"] else "-" for one in OUTCOMES]
            first = Text(printable(name) if number == 0 else "")
            table.add_row(first, f"{errors['multiple']}G", *values, end_section=number == len(shown) - 1)
    return table


def _gain_table(diagnoses: Sequence[NamedDiagnosis]) -> Table:
    """Return what leaving out one type of errors would bring."""
    columns = [Column(), *(number_column(one.name.replace(" ", "\n")) for one in ERROR_TYPES)]
    table = open_table("Average mAP gained without the errors of a type, % points", columns)
    for name, diagnosis in diagnoses:
        values = [signed_percent(diagnosis["gains"][one.key]) for one in ERROR_TYPES]
        table.add_row(Text(printable(name)), *values)
    return table


def _bucket_table(diagnoses: Sequence[NamedDiagnosis], key: BucketKey, title: str) -> Table:
    """Return one value of all buckets, a section for each characteristic."""
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
    """Return the values, and empty cells where a characteristic has fewer buckets than another."""
    return values + [""] * (length - len(values))


def _counts(errors: ErrorReport) -> dict[str, int]:
    """Return the counts by outcome."""
    return {
        "true_positive": errors["true_positive"],
        "double_detection": errors["double_detection"],
        "wrong_label": errors["wrong_label"],
        "localization": errors["localization"],
        "confusion": errors["confusion"],
        "background": errors["background"],
    }
