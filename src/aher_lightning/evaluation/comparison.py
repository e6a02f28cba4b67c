"""Two prediction files against each other: which is better, and whether that could be chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aher_lightning.errors import PredictionError
from aher_lightning.evaluation.ground_truth import GroundTruth
from aher_lightning.evaluation.protocol import Protocol
from aher_lightning.evaluation.scores import group_fingerprint, protocol_report
from aher_lightning.evaluation.tables import EvaluationTables, evaluation_tables
from aher_lightning.files.json_files import number_or_null
from aher_lightning.metrics.functional.bootstrap import PairedDifference, compare_precisions, compare_recalls
from aher_lightning.metrics.functional.matching import match_predictions
from aher_lightning.reports.evaluation.comparison import ComparisonReport, DifferenceReport
from aher_lightning.reports.predictions.reader import Predictions

_LEVEL = 0.95
"""Share of the draws that lie within an interval."""


@dataclass(frozen=True)
class ComparisonOptions:
    """How two files are compared.

    Args:
        resamples: How many times the videos are drawn anew.
        seed: What the draws depend on.
        proposals: Compare AR@AN and AUC as well.
        on_progress: Told how many draws are done, of mAP first, then of AR@AN and AUC.
    """

    resamples: int = 1000
    seed: int = 0
    proposals: bool = False
    on_progress: Callable[[int], None] | None = None


def comparison_report(
    ground_truth: GroundTruth,
    first: tuple[str, Predictions],
    second: tuple[str, Predictions],
    protocol: Protocol,
    options: ComparisonOptions | None = None,
) -> ComparisonReport:
    """Return by how much the scores of two files differ, and how sure that is.

    The evaluated videos are drawn with replacement many times, and both files are scored on the same draw; see
    :func:`aher_lightning.metrics.functional.bootstrap.compare_precisions`.

    Args:
        ground_truth: What both are compared with.
        first: Name and content of one file.
        second: Name and content of the other.
        protocol: By which rules.
        options: How.

    Returns:
        The report.

    Raises:
        PredictionError: If a file has predictions, but none for any video of the ground truth; the message names it.
        ValueError: If an option cannot be used.
    """
    options = options or ComparisonOptions()
    tables = [_tables(ground_truth, name, found, protocol) for name, found in (first, second)]
    differences = _precision_differences(tables, protocol, options)
    if options.proposals:
        differences |= _recall_differences(tables, protocol, options)
    return {
        "protocol": protocol_report(ground_truth, protocol),
        "fingerprints": {name: group_fingerprint(ground_truth, name) for name in _groups(tables[0])},
        "first": first[0],
        "second": second[0],
        "skipped": {"first": dict(first[1].skipped), "second": dict(second[1].skipped)},
        "unknown_videos": {"first": tables[0].num_unknown_videos, "second": tables[1].num_unknown_videos},
        "resamples": options.resamples,
        "level": _LEVEL,
        "scores": {name: _difference(one) for name, one in _by_group(differences, tables[0].groups).items()},
    }


def _tables(ground_truth: GroundTruth, name: str, found: Predictions, protocol: Protocol) -> EvaluationTables:
    """Return what is scored of one file; an error names the file."""
    try:
        return evaluation_tables(ground_truth, found, protocol).scored_only()
    except PredictionError as reason:
        raise PredictionError(f"{name}: {reason}") from None


def _precision_differences(
    tables: list[EvaluationTables], protocol: Protocol, options: ComparisonOptions
) -> dict[str, PairedDifference]:
    """Compare mAP, of everything and of each group."""
    truth = tables[0].truth
    first, second = (match_predictions(*one.both, protocol.thresholds) for one in tables)
    return compare_precisions(
        first,
        second,
        truth,
        range(tables[0].num_videos),
        groups=_groups(tables[0]),
        resamples=options.resamples,
        seed=options.seed,
        level=_LEVEL,
        on_progress=options.on_progress,
    )


def _recall_differences(
    tables: list[EvaluationTables], protocol: Protocol, options: ComparisonOptions
) -> dict[str, PairedDifference]:
    """Compare AR@AN and AUC, of everything and of each group."""

    def go_on(done: int) -> None:
        if options.on_progress is not None:
            options.on_progress(options.resamples + done)

    return compare_recalls(
        tables[0].found,
        tables[1].found,
        tables[0].truth,
        range(tables[0].num_videos),
        thresholds=protocol.recall_thresholds,
        max_average_number=protocol.max_average_number,
        groups=_groups(tables[0]),
        resamples=options.resamples,
        seed=options.seed,
        level=_LEVEL,
        on_progress=go_on,
    )


def _groups(tables: EvaluationTables) -> dict[str, list[int]]:
    """Return the groups that are scored by themselves: two or more."""
    return tables.groups if len(tables.groups) > 1 else {}


def _by_group(differences: dict[str, PairedDifference], groups: Iterable[str]) -> dict[str, PairedDifference]:
    """Return the same in another order: the scores of everything first, then those of each group together."""
    order = {name: place for place, name in enumerate(("", *groups))}
    return dict(sorted(differences.items(), key=lambda item: order[item[0].rpartition("/")[0]]))


def _difference(found: PairedDifference) -> DifferenceReport:
    """Return one difference as JSON has it."""
    return {
        "first": found.first,
        "second": found.second,
        "difference": found.difference,
        "low": number_or_null(found.lower),
        "high": number_or_null(found.upper),
        "fraction_better": number_or_null(found.fraction_better),
    }
