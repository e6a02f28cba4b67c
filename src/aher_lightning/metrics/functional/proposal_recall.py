"""Average recall of class-agnostic proposals against their number, and the area under that curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable, pair_segments
from aher_lightning.metrics.functional.thresholds import check_thresholds

REPORTED_NUMBERS = (1, 10, 100)
"""Average numbers of proposals whose recall is reported."""

_NUM_POINTS = 100
"""Points on the curve, as in the official evaluator."""


class ProposalRecalls(NamedTuple):
    """Recall at 100 average numbers of proposals per video (AN).

    Attributes:
        average_numbers: AN, evenly spaced up to the largest one, ``(100,)``.
        recalls: Recall at each tIoU threshold and AN, ``(H, 100)``; nan without ground truth.
        average_recalls: AR@AN, mean over the thresholds, ``(100,)``.
        area_under_curve: Area under AR against AN, divided by the largest AN.
    """

    average_numbers: FloatArray
    recalls: FloatArray
    average_recalls: FloatArray
    area_under_curve: float

    def named(self, average_numbers: Sequence[int] = REPORTED_NUMBERS) -> dict[str, float]:
        """Return AR at some AN and the area by metric: ``AR@1`` and so on, and ``AUC``; valid for a largest AN of 100.

        Args:
            average_numbers: AN, each in 1 to 100.

        Returns:
            Values in ``[0, 1]``.
        """
        recalls = {f"AR@{number}": float(self.average_recalls[number - 1]) for number in average_numbers}
        return {**recalls, "AUC": self.area_under_curve}


def proposal_recalls(
    proposals: SegmentTable,
    ground_truth: SegmentTable,
    thresholds: Sequence[float] | None = None,
    *,
    max_average_number: int = 100,
) -> ProposalRecalls:
    """Return AR@AN and AUC as the official ActivityNet evaluator defines them; labels are not looked at.

    Proposals are ranked per video, equal scores in the order of their rows. A video contributes to an AN the
    fraction of *its* proposals that the AN is of the average number of all, so that videos with many proposals
    spend more; proposals in videos without ground truth count in that average. An instance is recalled if any
    of the proposals reaches the threshold.

    Follows ``eval_proposal.py`` of https://github.com/activitynet/ActivityNet. Differs where there is no
    proposal at all: recall 0 instead of a division by zero.

    Args:
        proposals: Proposals of all videos.
        ground_truth: Instances of all videos.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` stands for 0.5:0.05:0.95.
        max_average_number: Largest AN.

    Returns:
        Recalls.

    Raises:
        ValueError: If the thresholds cannot be used.

    Example:
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> round(proposal_recalls(truth, truth).area_under_curve, 2)
        0.99
    """
    values = check_thresholds(thresholds)
    videos, instance_videos = np.unique(ground_truth.videos, return_inverse=True)
    ranked, ranks = _ranked_per_video(proposals)
    inside = np.isin(ranked.videos, videos)
    counts = np.bincount(np.searchsorted(videos, ranked.videos[inside]), minlength=len(videos))
    # The expressions below keep the order of the official ones: a rounding error moves a proposal across int().
    wanted = max_average_number * float(len(videos))
    kept = np.minimum((counts * (wanted / max(len(ranked.scores), 1))).astype(np.int64), counts)
    num_kept = int(kept.sum())
    fractions = np.arange(1, _NUM_POINTS + 1) / float(_NUM_POINTS) * (wanted / max(num_kept, 1))
    spent = np.minimum((kept[:, None] * fractions).astype(np.int64), kept[:, None])  # (V, 100)
    first_ranks = _first_ranks(ranked.rows(inside), ranks[inside], ground_truth, values)
    found = np.stack([(row[:, None] < spent[instance_videos.reshape(-1)]).sum(axis=0) for row in first_ranks])
    num_instances = len(ground_truth.videos)
    recalls = found / num_instances if num_instances else np.full(found.shape, np.nan)
    average_numbers = np.arange(1, _NUM_POINTS + 1) / float(_NUM_POINTS) * max_average_number
    average_recalls = recalls.mean(axis=0)
    # The trapezoidal rule, which NumPy has under two names in the versions that we support.
    area = (np.diff(average_numbers) * (average_recalls[1:] + average_recalls[:-1]) / 2).sum()
    return ProposalRecalls(average_numbers, recalls, average_recalls, float(area / average_numbers[-1]))


def _ranked_per_video(proposals: SegmentTable) -> tuple[SegmentTable, IntArray]:
    """Return the proposals by video and descending score, and the rank of each in its video from 0."""
    ranked = proposals.rows(np.lexsort((-proposals.scores, proposals.videos)))
    _, first, counts = np.unique(ranked.videos, return_index=True, return_counts=True)
    ranks: IntArray = np.arange(len(ranked.videos)) - np.repeat(first, counts)
    return ranked, ranks


def _first_ranks(
    ranked: SegmentTable, ranks: IntArray, ground_truth: SegmentTable, thresholds: tuple[float, ...]
) -> IntArray:
    """Return the rank of the first proposal that finds each instance at each threshold, ``(H, G)``."""
    pairs = pair_segments(ranked, ground_truth, same_label=False, min_temporal_iou=min(thresholds))
    first = np.full((len(thresholds), len(ground_truth.videos)), np.iinfo(np.int64).max)
    for row, threshold in enumerate(thresholds):
        is_close = pairs.temporal_ious >= threshold
        np.minimum.at(first[row], pairs.instances[is_close], ranks[pairs.predictions[is_close]])
    return first
