"""Temporal mean average precision: how well classified detections find the annotated instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.matching import UNMATCHED, Matches, match_predictions
from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable
from aher_lightning.metrics.functional.thresholds import threshold_name


class AveragePrecisions(NamedTuple):
    """Average precision of each category at each tIoU threshold.

    Attributes:
        thresholds: tIoU thresholds, H of them.
        labels: Categories that occur in the ground truth, ascending, ``(K,)``.
        values: Interpolated average precision in ``[0, 1]``, ``(H, K)``.
    """

    thresholds: tuple[float, ...]
    labels: IntArray
    values: FloatArray

    @property
    def means(self) -> FloatArray:
        """Mean over categories at each threshold, ``(H,)``; nan without ground truth."""
        if not len(self.labels):
            return np.full(len(self.thresholds), np.nan)
        # Rounded once, so that the numbering of the categories has no influence, not even on the last bit.
        return np.array([math.fsum(row) for row in self.values.tolist()]) / len(self.labels)

    @property
    def average(self) -> float:
        """Mean over thresholds of the means over categories."""
        return float(self.means.mean())

    def named(self) -> dict[str, float]:
        """Return the means over categories by metric: ``mAP@0.50`` and so on, and ``mAP`` for their average."""
        means = zip(self.thresholds, self.means.tolist(), strict=True)
        return {**{f"mAP@{threshold_name(at)}": mean for at, mean in means}, "mAP": self.average}


def average_precisions(
    predictions: SegmentTable, ground_truth: SegmentTable, thresholds: Sequence[float] | None = None
) -> AveragePrecisions:
    """Return the average precision of each category as the official ActivityNet evaluator defines it.

    Detections are visited by descending score, those of equal score in the order of their rows (the official
    sort leaves that order to chance). Each takes the free instance of its video and category with the highest
    tIoU, if that reaches the threshold, and is a false positive otherwise; so is every detection in a video
    without ground truth. Precision is interpolated: at each recall, the best precision at that recall or beyond.
    Categories without a detection have 0; detections of categories without ground truth are ignored.

    Follows ``eval_detection.py`` of https://github.com/activitynet/ActivityNet. Differs in the order of equal
    scores; between instances of equal tIoU the first one is taken; and a segment of no length overlaps with
    nothing, where the official code divides 0 by 0.

    Args:
        predictions: Detections of all videos.
        ground_truth: Instances of all videos.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` stands for 0.5:0.05:0.95.

    Returns:
        Average precisions.

    Raises:
        ValueError: If the thresholds cannot be used.

    Example:
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> average_precisions(truth._replace(segments=np.array([[0.0, 6.0]])), truth, [0.5, 0.75]).means
        array([1., 0.])
    """
    return matched_precisions(match_predictions(predictions, ground_truth, thresholds), ground_truth)


def matched_precisions(
    matches: Matches, ground_truth: SegmentTable, video_weights: FloatArray | None = None
) -> AveragePrecisions:
    """Return the average precision of each category where it is known already what finds what.

    Args:
        matches: What each prediction found.
        ground_truth: The instances that were matched, G rows.
        video_weights: How many times each video counts, by its number; ``None`` counts each once. The result is
            that of as many copies of the video, where no two predictions of a video have the same score.

    Returns:
        Average precisions of the categories with an instance that counts.
    """
    weights = np.ones(len(matches.rows)) if video_weights is None else video_weights[matches.ranked.videos]
    counts = np.ones(len(ground_truth.videos)) if video_weights is None else video_weights[ground_truth.videos]
    labels, places = np.unique(ground_truth.labels, return_inverse=True)
    num_instances = np.bincount(places.reshape(-1), weights=counts, minlength=len(labels))
    by_label = np.argsort(matches.ranked.labels, kind="stable")
    borders = np.searchsorted(matches.ranked.labels, [labels, labels + 1], sorter=by_label)
    hits = matches.instances != UNMATCHED
    # Between two hits precision only falls, so that its best value from any place on is that at a hit.
    is_hit = hits.any(axis=0)
    result = np.zeros((len(matches.thresholds), len(labels)))
    for column, (first, last) in enumerate(borders.T):
        rows = by_label[first:last]
        found = np.flatnonzero(is_hit[rows])
        seen = np.cumsum(weights[rows])[found]
        true_positives = np.cumsum(hits[:, rows[found]] * weights[rows[found]], axis=1)
        precision = true_positives / np.maximum(seen, 1)
        recall = true_positives / max(num_instances[column], 1)
        result[:, column] = interpolated_area(precision, recall)
    counted = num_instances > 0
    return AveragePrecisions(matches.thresholds, labels[counted], result[:, counted])


def interpolated_area(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """Return the area under precision against recall, where precision is the best at that recall or beyond.

    Args:
        precision: Precision after each prediction, best score first, ``(..., N)``; predictions that find nothing
            may be left out.
        recall: Recall there, ``(..., N)``.

    Returns:
        Areas, ``(...,)``.

    Example:
        >>> interpolated_area(np.array([0.5, 0.67]), np.array([0.25, 0.5]))
        np.float64(0.335)
    """
    best_beyond = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    area: FloatArray = (np.diff(recall, axis=-1, prepend=0.0) * best_beyond).sum(axis=-1)
    return area
