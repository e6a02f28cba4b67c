"""Segments of many videos as flat arrays, and the pairs of them that can match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from aher_lightning.ops.segments import temporal_iou
from aher_lightning.structures import Detections

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class SegmentTable(NamedTuple):
    """Detections, or ground-truth instances, of many videos; one row each.

    Row order breaks ties between equal scores.

    Attributes:
        videos: Video number, any integer, ``(N,)``.
        segments: ``(start, end)`` in seconds, ``(N, 2)``.
        scores: Confidence, ``(N,)``; ignored in ground truth.
        labels: Category index, ``(N,)``.
    """

    videos: IntArray
    segments: FloatArray
    scores: FloatArray
    labels: IntArray

    def rows(self, selection: IntArray | BoolArray) -> SegmentTable:
        """Return some rows, by index in the order given, or by mask."""
        return SegmentTable(
            self.videos[selection], self.segments[selection], self.scores[selection], self.labels[selection]
        )


class SegmentPairs(NamedTuple):
    """Pairs of a prediction and an instance.

    Attributes:
        predictions: Row of the prediction, ``(P,)``.
        instances: Row of the instance, ``(P,)``.
        temporal_ious: Their tIoU, ``(P,)``.
    """

    predictions: IntArray
    instances: IntArray
    temporal_ious: FloatArray

    def rows(self, selection: IntArray | BoolArray) -> SegmentPairs:
        """Return some pairs, by index in the order given, or by mask."""
        return SegmentPairs(self.predictions[selection], self.instances[selection], self.temporal_ious[selection])


def table_from_detections(detections: Sequence[Detections], video_indices: Sequence[int]) -> SegmentTable:
    """Return the detections of several videos as one table, in float64.

    Args:
        detections: Detections, one record per video.
        video_indices: Number of each video.

    Raises:
        ValueError: If the two differ in length.

    Example:
        >>> found = Detections(torch.tensor([[0.0, 2.0]]), torch.tensor([0.5]), torch.tensor([3]))
        >>> table_from_detections([found, found], [7, 8]).videos
        array([7, 8])
    """
    counts = [len(one.scores) for one in detections]
    if len(counts) != len(video_indices):
        raise ValueError(f"{len(counts)} records of detections, but {len(video_indices)} video numbers")
    segments = [one.segments.detach().cpu().double().reshape(-1, 2).numpy() for one in detections]
    scores = [one.scores.detach().cpu().double().numpy() for one in detections]
    labels = [one.labels.detach().cpu().long().numpy() for one in detections]
    return SegmentTable(
        videos=np.repeat(np.asarray(video_indices, dtype=np.int64), counts),
        segments=np.concatenate([np.empty((0, 2)), *segments]),
        scores=np.concatenate([np.empty(0), *scores]),
        labels=np.concatenate([np.empty(0, dtype=np.int64), *labels]),
    )


def without_copies(predictions: SegmentTable) -> SegmentTable:
    """Return each segment of a video once: copies that differ in label and score count as the best one.

    Detectors label a segment with several categories. Where labels do not matter, as in AR@AN, the copies would take
    the places of other segments.

    Args:
        predictions: Detections of all videos, N rows.

    Returns:
        At most N rows, in the order given; of equal scores the first row stays.

    Example:
        >>> twice = SegmentTable(np.zeros(2, int), np.array([[1.0, 2.0]] * 2), np.array([0.3, 0.7]), np.array([0, 1]))
        >>> without_copies(twice).labels
        array([1])
    """
    starts, ends = predictions.segments.T
    ranked = np.lexsort((-predictions.scores, ends, starts, predictions.videos))
    is_best = np.zeros(len(ranked), dtype=np.bool_)
    is_best[:1] = True
    for values in (predictions.videos, starts, ends):
        is_best[1:] |= values[ranked[1:]] != values[ranked[:-1]]
    return predictions.rows(np.sort(ranked[is_best]))


def pair_segments(
    predictions: SegmentTable, ground_truth: SegmentTable, *, same_label: bool, min_temporal_iou: float
) -> SegmentPairs:
    """Return the pairs of a prediction and an instance of the same video that overlap enough.

    Args:
        predictions: N rows.
        ground_truth: G rows.
        same_label: Pair segments of the same category only.
        min_temporal_iou: Smallest tIoU of a pair; 0 includes pairs that do not overlap.

    Returns:
        Pairs by ascending prediction row, then ascending instance row.
    """
    keys = _group_keys(predictions, ground_truth, same_label=same_label)
    prediction_keys, instance_keys = keys[: len(predictions.videos)], keys[len(predictions.videos) :]
    by_key = np.argsort(instance_keys, kind="stable")
    first = np.searchsorted(instance_keys, prediction_keys, side="left", sorter=by_key)
    last = np.searchsorted(instance_keys, prediction_keys, side="right", sorter=by_key)
    prediction_rows = np.repeat(np.arange(len(prediction_keys)), last - first)
    instance_rows = by_key[concatenated_ranges(first, last - first)]
    left = torch.from_numpy(predictions.segments[prediction_rows]).unsqueeze(1)  # (P, 1, 2)
    right = torch.from_numpy(ground_truth.segments[instance_rows]).unsqueeze(1)
    overlaps: FloatArray = temporal_iou(left, right).flatten().numpy()
    return SegmentPairs(prediction_rows, instance_rows, overlaps).rows(overlaps >= min_temporal_iou)


def concatenated_ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """Return ``start, start + 1, ..., start + count - 1`` of each entry ``(N,)``, concatenated.

    Example:
        >>> concatenated_ranges(np.array([5, 0]), np.array([2, 3]))
        array([5, 6, 0, 1, 2])
    """
    before = np.cumsum(counts) - counts
    numbers: IntArray = np.arange(int(counts.sum())) + np.repeat(starts - before, counts)
    return numbers


def _group_keys(predictions: SegmentTable, ground_truth: SegmentTable, *, same_label: bool) -> IntArray:
    """Return a number per row, predictions first, that is equal for rows that may be compared."""
    videos = np.unique(np.concatenate([predictions.videos, ground_truth.videos]), return_inverse=True)[1].reshape(-1)
    if not same_label:
        return videos
    names, labels = np.unique(np.concatenate([predictions.labels, ground_truth.labels]), return_inverse=True)
    keys: IntArray = videos * len(names) + labels.reshape(-1)
    return keys
