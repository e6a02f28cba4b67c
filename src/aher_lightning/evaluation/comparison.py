"""Paired comparison of two prediction files: which is better, and could it be chance?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aher_lightning.errors import PredictionError
from aher_lightning.evaluation.ground_truth import GroundTruth
from aher_lightning.evaluation.protocol import Protocol
from aher_lightning.evaluation.scores import group_fingerprint, protocol_report
from aher_lightning.evaluation.tables import EvaluationTables, evaluation_tables
from aher_lightning.files.json_files import number_or_null
from aher_lightning.metrics.functional.bootstrap import (
    PairedDifference,
    Resampling,
    compare_precisions,
    compare_recalls,
)
from aher_lightning.metrics.functional.detection_matching import match_predictions
from aher_lightning.reports.evaluation.comparison import ComparisonReport, DifferenceReport
from aher_lightning.reports.predictions.reader import Predictions

_LEVEL = 0.95
"""Confidence level of the intervals."""


@dataclass(frozen=True)
class ComparisonOptions:
    """How two files are compared.

    Args:
        resamples: Number of bootstrap resamples of the videos.
        seed: Seed of the resamples.
        proposals: Compare AR@AN and AUC as well.
        on_progress: Called with the number of completed resamples, of mAP first, then of AR@AN and AUC.
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
    """Return the score differences of two files with their confidence intervals.

    The evaluated videos are resampled with replacement, and both files are scored on the same resample; see
    :func:`aher_lightning.metrics.functional.bootstrap.compare_precisions`.

    Args:
        ground_truth: Ground truth of both.
        first: Name and content of the first file.
        second: Name and content of the second.
        protocol: Protocol of both.
        options: Resampling.

    Raises:
        PredictionError: If a file has predictions, but none for any video of the ground truth; the message names it.
        ValueError: If an option is invalid.
    """
    options = options or ComparisonOptions()
    tables = [_tables(ground_truth, name, found, protocol) for name, found in (first, second)]
    differences = _differences(tables, protocol, options)
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
    """Return the scored predictions of one file; errors name the file."""
    try:
        return evaluation_tables(ground_truth, found, protocol).scored_only()
    except PredictionError as reason:
        raise PredictionError(f"{name}: {reason}") from None


def _differences(
    tables: list[EvaluationTables], protocol: Protocol, options: ComparisonOptions
) -> dict[str, PairedDifference]:
    """Compare mAP, and AR@AN and AUC if requested, overall and per group."""
    first, second = tables
    videos, groups = range(first.num_videos), _groups(first)
    resampling = Resampling(options.resamples, options.seed, _LEVEL, options.on_progress)
    matches = [match_predictions(*one.both, protocol.thresholds) for one in tables]
    differences = compare_precisions(matches[0], matches[1], first.truth, videos, resampling, groups=groups)
    if not options.proposals:
        return differences

    def report_progress(done: int) -> None:
        if options.on_progress is not None:
            options.on_progress(options.resamples + done)

    return differences | compare_recalls(
        first.found,
        second.found,
        first.truth,
        videos,
        resampling._replace(on_progress=report_progress),
        thresholds=protocol.recall_thresholds,
        max_average_number=protocol.max_average_number,
        groups=groups,
    )


def _groups(tables: EvaluationTables) -> dict[str, list[int]]:
    """Return the groups that are scored separately: two or more."""
    return tables.groups if len(tables.groups) > 1 else {}


def _by_group(differences: dict[str, PairedDifference], groups: Iterable[str]) -> dict[str, PairedDifference]:
    """Return the overall scores first, then those of each group together."""
    order = {name: place for place, name in enumerate(("", *groups))}
    return dict(sorted(differences.items(), key=lambda item: order[item[0].rpartition("/")[0]]))


def _difference(found: PairedDifference) -> DifferenceReport:
    """Return one difference as JSON."""
    return {
        "first": found.first,
        "second": found.second,
        "difference": found.difference,
        "low": number_or_null(found.lower),
        "high": number_or_null(found.upper),
        "fraction_better": number_or_null(found.fraction_better),
    }
