"""Temporal mean average precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.detection_matching import UNMATCHED, Matches, match_predictions
from aher_lightning.metrics.functional.segment_table import BoolArray, FloatArray, IntArray, SegmentTable
from aher_lightning.ops.thresholds import threshold_name


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
        # Rounded once, so that the order of the categories does not affect the last bit.
        return np.array([math.fsum(row) for row in self.values.tolist()]) / len(self.labels)

    @property
    def average(self) -> float:
        """Mean over thresholds of the means over categories."""
        return float(self.means.mean())

    def named(self) -> dict[str, float]:
        """Return the means over categories by metric: ``mAP@0.50`` and so on, and ``mAP`` for their average."""
        means = zip(self.thresholds, self.means.tolist(), strict=True)
        return {**{f"mAP@{threshold_name(at)}": mean for at, mean in means}, "mAP": self.average}


class RankedHits(NamedTuple):
    """Matched predictions, sorted once to compute average precision for any weighting of the videos.

    Attributes:
        thresholds: tIoU thresholds, H of them.
        labels: Categories that occur in the ground truth, ascending, ``(K,)``.
        videos: Video of each prediction, by category and descending score, ``(N,)``.
        borders: Index of the first prediction of each category, and N, ``(K + 1,)``.
        hit_places: Indices of the predictions that find an instance at any threshold, ``(F,)``.
        hit_borders: The first of these of each category, and F, ``(K + 1,)``.
        hits: Whether they do at each threshold, 0 or 1, ``(F, H)``.
        instance_videos: Video of each instance, ``(G,)``.
        instance_labels: Index of its category among the labels, ``(G,)``.
    """

    thresholds: tuple[float, ...]
    labels: IntArray
    videos: IntArray
    borders: IntArray
    hit_places: IntArray
    hit_borders: IntArray
    hits: FloatArray
    instance_videos: IntArray
    instance_labels: IntArray

    def precisions(self, video_weights: FloatArray | None = None) -> AveragePrecisions:
        """Return the average precision of each category with an instance of positive weight.

        Args:
            video_weights: Integer weight of each video, by video number; ``None`` weights all by 1. A weight equals as
                many copies of the video, where no two predictions of a video have the same score.
        """
        weights = np.ones(len(self.videos)) if video_weights is None else video_weights.take(self.videos)
        num_instances = self._instance_counts(video_weights)
        hits_per_label = np.diff(self.hit_borders)
        # Cumulative sums over all categories, minus those of earlier ones: exact, as weights are integers.
        seen = _sums_before(weights)
        visited = seen[self.hit_places + 1] - np.repeat(seen[self.borders[:-1]], hits_per_label)
        found = _sums_before(self.hits * weights.take(self.hit_places)[:, None])
        true_positives = found[1:] - np.repeat(found[self.hit_borders[:-1]], hits_per_label, axis=0)  # (F, H)
        # A weight of 0 may leave nothing visited or nothing to find.
        precision = true_positives / np.maximum(visited, 1)[:, None]
        recall = true_positives / np.repeat(np.maximum(num_instances, 1), hits_per_label)[:, None]
        result = np.zeros((len(self.thresholds), len(self.labels)))
        for column, (first, last) in enumerate(pairwise(self.hit_borders.tolist())):
            result[:, column] = interpolated_area(precision[first:last].T, recall[first:last].T)
        counted = num_instances > 0
        return AveragePrecisions(self.thresholds, self.labels[counted], result[:, counted])

    def _instance_counts(self, video_weights: FloatArray | None) -> FloatArray:
        """Return the number of instances of each category, ``(K,)``."""
        weights = np.ones(len(self.instance_videos)) if video_weights is None else video_weights[self.instance_videos]
        return np.bincount(self.instance_labels, weights, len(self.labels)).astype(np.float64)


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
    scores; between instances of equal tIoU the first one is taken; and a segment of zero length overlaps
    nothing, where the official code divides 0 by 0.

    Args:
        predictions: Detections of all videos.
        ground_truth: Instances of all videos.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.

    Raises:
        ValueError: If the thresholds are invalid.

    Example:
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> average_precisions(truth._replace(segments=np.array([[0.0, 6.0]])), truth, [0.5, 0.75]).means
        array([1., 0.])
    """
    return matched_precisions(match_predictions(predictions, ground_truth, thresholds), ground_truth)


def rank_hits(matches: Matches, ground_truth: SegmentTable) -> RankedHits:
    """Return matched predictions in the order of average precision; ``ground_truth`` are the matched instances."""
    labels, instance_labels = np.unique(ground_truth.labels, return_inverse=True)
    rows = np.argsort(matches.ranked.labels, kind="stable")
    rows = rows[np.isin(matches.ranked.labels[rows], labels)]
    borders = np.append(np.searchsorted(matches.ranked.labels[rows], labels), len(rows))
    is_hit = matches.instances != UNMATCHED
    places = hit_places(is_hit[:, rows])
    return RankedHits(
        thresholds=matches.thresholds,
        labels=labels,
        videos=matches.ranked.videos[rows],
        borders=borders,
        hit_places=places,
        hit_borders=np.searchsorted(places, borders),
        hits=is_hit.T[rows[places]].astype(np.float64, order="C"),
        instance_videos=ground_truth.videos,
        instance_labels=instance_labels.reshape(-1),
    )


def matched_precisions(matches: Matches, ground_truth: SegmentTable) -> AveragePrecisions:
    """Return the average precision of each category from known matches with ``ground_truth``."""
    return rank_hits(matches, ground_truth).precisions()


def hit_places(is_hit: BoolArray) -> IntArray:
    """Return the indices at which interpolated precision is needed.

    Between two hits precision only falls, so its best value from any index on is at a hit.

    Args:
        is_hit: Whether each prediction finds an instance at each threshold, best score first, ``(H, N)``.

    Returns:
        Indices of those that do at any threshold, ascending, ``(F,)``.

    Example:
        >>> hit_places(np.array([[True, False, False], [True, False, True]]))
        array([0, 2])
    """
    places: IntArray = np.flatnonzero(is_hit.any(axis=0))
    return places


def interpolated_area(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """Return the area under precision against recall, where precision is the best at that recall or beyond.

    Args:
        precision: Precision after each prediction, best score first, ``(..., N)``; unmatched ones may be omitted.
        recall: Recall there, ``(..., N)``.

    Returns:
        Areas, ``(...,)``.

    Example:
        >>> float(interpolated_area(np.array([0.5, 0.67]), np.array([0.25, 0.5])))
        0.335
    """
    best_beyond = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    gained = np.copy(recall)
    gained[..., 1:] -= recall[..., :-1]
    area: FloatArray = (gained * best_beyond).sum(axis=-1)
    return area


def _sums_before(values: FloatArray) -> FloatArray:
    """Return cumulative sums that start with 0, ``(N, ...)`` to ``(N + 1, ...)``."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums
