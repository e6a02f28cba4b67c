"""Average recall of class-agnostic proposals against their number, and the area under that curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable, pair_segments
from aher_lightning.ops.thresholds import check_thresholds

REPORTED_NUMBERS = (1, 10, 100)
"""Average numbers of proposals whose recall is reported, in hundredths of the largest one."""

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

    def by_number(self) -> dict[int, float]:
        """Return AR by AN, an integer if the largest AN is a multiple of 100."""
        numbers = self.average_numbers.round().astype(np.int64).tolist()
        return dict(zip(numbers, self.average_recalls.tolist(), strict=True))

    def named(self, average_numbers: Sequence[int] | None = None) -> dict[str, float]:
        """Return ``AR@1`` and so on, and ``AUC``, in ``[0, 1]``.

        Args:
            average_numbers: AN, each a point of the curve; ``None`` for 1 %, 10 % and 100 % of the largest.
        """
        by_number = self.by_number()
        numbers = REPORTED_NUMBERS if average_numbers is None else average_numbers
        scale = max(by_number) // _NUM_POINTS if average_numbers is None else 1
        return {
            **{f"AR@{number * scale}": by_number[number * scale] for number in numbers},
            "AUC": self.area_under_curve,
        }


class RankedProposals(NamedTuple):
    """Ranked proposals, from which recall is computed for any weighting of the videos.

    Attributes:
        thresholds: tIoU thresholds, H of them.
        proposal_videos: Video of each proposal, including videos without instances, ``(N,)``.
        videos: Videos with an instance, ascending, ``(V,)``.
        counts: Number of proposals of each, ``(V,)``.
        instance_places: Index of each instance's video among these, ``(G,)``.
        first_ranks: Rank in its video, from 0, of the first proposal that finds each instance, ``(H, G)``.
    """

    thresholds: tuple[float, ...]
    proposal_videos: IntArray
    videos: IntArray
    counts: IntArray
    instance_places: IntArray
    first_ranks: IntArray

    def recalls(self, video_weights: FloatArray | None = None, *, max_average_number: int = 100) -> ProposalRecalls:
        """Return AR@AN and AUC.

        Args:
            video_weights: Integer weight of each video, by video number; ``None`` weights all by 1. A weight equals as
                many copies of the video, also where scores are equal.
            max_average_number: Largest AN.
        """
        weights = np.ones(len(self.videos)) if video_weights is None else video_weights[self.videos]
        total = len(self.proposal_videos) if video_weights is None else video_weights.take(self.proposal_videos).sum()
        # The expressions below keep the order of the official ones: a rounding error moves a proposal across int().
        wanted = max_average_number * float(weights.sum())
        kept = np.minimum((self.counts * (wanted / max(total, 1))).astype(np.int64), self.counts)
        num_kept = int((kept * weights).sum())
        fractions = np.arange(1, _NUM_POINTS + 1) / float(_NUM_POINTS) * (wanted / max(num_kept, 1))
        found = self._found(kept, fractions, weights[self.instance_places])
        num_instances = weights[self.instance_places].sum()
        recalls = found / num_instances if num_instances else np.full(found.shape, np.nan)
        average_numbers = np.arange(1, _NUM_POINTS + 1) / float(_NUM_POINTS) * max_average_number
        average_recalls = recalls.mean(axis=0)
        # The trapezoidal rule; its name in NumPy differs between supported versions.
        area = (np.diff(average_numbers) * (average_recalls[1:] + average_recalls[:-1]) / 2).sum()
        return ProposalRecalls(average_numbers, recalls, average_recalls, float(area / average_numbers[-1]))

    def _found(self, kept: IntArray, fractions: FloatArray, instance_weights: FloatArray) -> FloatArray:
        """Return the weight of the instances found at each threshold and point of the curve, ``(H, 100)``.

        Videos that keep equally many proposals, ``(V,)``, spend equally many of them at each point. Where an
        instance is found first is looked up in the rows of these numbers, laid end to end as one ascending list.
        """
        sizes, places = np.unique(kept, return_inverse=True)
        spent = np.minimum((sizes[:, None] * fractions).astype(np.int64), sizes[:, None])  # (distinct sizes, 100)
        limit = int(sizes.max(initial=0))
        starts = np.arange(len(sizes)) * (limit + 1)
        rows = places.reshape(-1)[self.instance_places]
        wanted = np.minimum(self.first_ranks, limit) + starts[rows]
        points = np.searchsorted((spent + starts[:, None]).ravel(), wanted, side="right") - _NUM_POINTS * rows
        # What is found at one point is found at all later ones; the extra last column is never found.
        first_found = np.stack([np.bincount(row, instance_weights, _NUM_POINTS + 1) for row in points])
        found: FloatArray = np.cumsum(first_found, axis=1, dtype=np.float64)[:, :_NUM_POINTS]
        return found


def proposal_recalls(
    proposals: SegmentTable,
    ground_truth: SegmentTable,
    thresholds: Sequence[float] | None = None,
    *,
    max_average_number: int = 100,
) -> ProposalRecalls:
    """Return AR@AN and AUC as the official ActivityNet evaluator defines them; labels are ignored.

    Proposals are ranked per video, equal scores in the order of their rows. A video contributes to an AN the
    fraction of *its* proposals that the AN is of the average number of all, so that videos with many proposals
    spend more; proposals in videos without ground truth count in that average. An instance is recalled if any
    of the proposals reaches the threshold.

    Follows ``eval_proposal.py`` of https://github.com/activitynet/ActivityNet. Differs where there is no
    proposal at all: recall 0 instead of a division by zero.

    Args:
        proposals: Proposals of all videos.
        ground_truth: Instances of all videos.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.
        max_average_number: Largest AN.

    Raises:
        ValueError: If the thresholds are invalid.

    Example:
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> round(proposal_recalls(truth, truth).area_under_curve, 2)
        0.99
    """
    return rank_proposals(proposals, ground_truth, thresholds).recalls(max_average_number=max_average_number)


def rank_proposals(
    proposals: SegmentTable, ground_truth: SegmentTable, thresholds: Sequence[float] | None = None
) -> RankedProposals:
    """Return which proposal of its video is the first to find each instance.

    Args:
        proposals: Proposals of all videos.
        ground_truth: Instances of all videos, G rows.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.

    Raises:
        ValueError: If the thresholds are invalid.
    """
    values = check_thresholds(thresholds)
    videos, instance_places = np.unique(ground_truth.videos, return_inverse=True)
    ranked, ranks = _ranked_per_video(proposals)
    inside = np.isin(ranked.videos, videos)
    return RankedProposals(
        thresholds=values,
        proposal_videos=ranked.videos,
        videos=videos,
        counts=np.bincount(np.searchsorted(videos, ranked.videos[inside]), minlength=len(videos)),
        instance_places=instance_places.reshape(-1),
        first_ranks=_first_ranks(ranked.rows(inside), ranks[inside], ground_truth, values),
    )


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
