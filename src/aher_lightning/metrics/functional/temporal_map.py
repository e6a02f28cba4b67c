"""Temporal mean average precision: how well classified detections find the annotated instances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.segment_table import (
    BoolArray,
    FloatArray,
    IntArray,
    SegmentPairs,
    SegmentTable,
    pair_segments,
)
from aher_lightning.metrics.functional.thresholds import check_thresholds, threshold_name


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
    values = check_thresholds(thresholds)
    labels, num_instances = np.unique(ground_truth.labels, return_counts=True)
    ranked = predictions.rows(np.argsort(-predictions.scores, kind="stable"))
    ranked = ranked.rows(np.isin(ranked.labels, labels))
    pairs = pair_segments(ranked, ground_truth, same_label=True, min_temporal_iou=min(values))
    pairs = pairs.rows(np.lexsort((-pairs.temporal_ious, pairs.predictions)))
    hits = np.zeros((len(values), len(ranked.scores)), dtype=np.bool_)
    for row, threshold in enumerate(values):
        hits[row, _matched_predictions(pairs, threshold, len(ground_truth.labels))] = True
    by_label = np.argsort(ranked.labels, kind="stable")
    borders = np.searchsorted(ranked.labels, [labels, labels + 1], sorter=by_label)
    result = np.zeros((len(values), len(labels)))
    for column, (first, last) in enumerate(borders.T):
        result[:, column] = _interpolated_average_precision(hits[:, by_label[first:last]], int(num_instances[column]))
    return AveragePrecisions(values, labels, result)


def _matched_predictions(pairs: SegmentPairs, threshold: float, num_instances: int) -> IntArray:
    """Return the predictions that get an instance when they choose one after another, best score first.

    All choose at once instead, and an instance chosen twice goes to the earlier prediction; the others move on
    to their next choice. As every instance ranks the predictions alike, there is one stable outcome, the same
    as one after another (D. Gale, L. Shapley, "College Admissions and the Stability of Marriage", 1962).
    """
    is_close = pairs.temporal_ious >= threshold
    chooser, choice = pairs.predictions[is_close], pairs.instances[is_close]
    predictions, cursor, counts = np.unique(chooser, return_index=True, return_counts=True)
    end = cursor + counts
    nobody = len(predictions)
    owner = np.full(num_instances, nobody)
    waiting = np.arange(nobody)
    while len(waiting):
        wanted = choice[cursor[waiting]]
        earlier_owner = owner[wanted]
        np.minimum.at(owner, wanted, waiting)
        is_displaced = (earlier_owner != nobody) & (earlier_owner != owner[wanted])
        refused = waiting[owner[wanted] != waiting]
        losers = np.concatenate([refused, np.unique(earlier_owner[is_displaced])])
        cursor[losers] += 1
        waiting = losers[cursor[losers] < end[losers]]
    matched: IntArray = predictions[owner[owner != nobody]]
    return matched


def _interpolated_average_precision(hits: BoolArray, num_instances: int) -> FloatArray:
    """Return the area under the interpolated precision-recall curve of ranked hits ``(H, N)``, as ``(H,)``."""
    true_positives = np.cumsum(hits, axis=1, dtype=np.float64)
    precision = true_positives / np.arange(1, hits.shape[1] + 1)
    recall = np.concatenate([np.zeros((len(hits), 1)), true_positives / num_instances], axis=1)
    best_beyond = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area: FloatArray = (np.diff(recall, axis=1) * best_beyond).sum(axis=1)
    return area
