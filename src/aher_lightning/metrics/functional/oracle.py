"""Predictions with one half of the task done perfectly, so that a score isolates the errors of the other half."""

from __future__ import annotations

from typing import Literal

import numpy as np

from aher_lightning.metrics.functional.segment_table import (
    BoolArray,
    FloatArray,
    IntArray,
    SegmentPairs,
    SegmentTable,
    pair_segments,
    without_copies,
)

Oracle = Literal["labels", "segments"]
"""The half of the task that is done perfectly."""


def apply_oracle(oracle: Oracle, predictions: SegmentTable, ground_truth: SegmentTable) -> SegmentTable:
    """Return the predictions with their labels or segments replaced by the ground truth.

    See :func:`with_true_labels` and :func:`with_true_segments`.
    """
    replace = with_true_labels if oracle == "labels" else with_true_segments
    return replace(predictions, ground_truth)


def with_true_labels(predictions: SegmentTable, ground_truth: SegmentTable) -> SegmentTable:
    """Return the predictions with labels as a perfect classifier would give them: errors of localization remain.

    A prediction gets the label of the instance of its video with the largest tIoU, whatever its own label is. A
    prediction that overlaps none gets the label of the instance nearest in time, because a video mostly shows a
    single category: a segment that misses must stay a false positive of the right category, and not vanish into
    one that the video does not show. Of several equal instances the first one counts. Predictions in videos
    without instances keep their labels. Segments, scores and order stay.

    Copies of a segment with several labels count once, with the best score: they would get the same label.

    An instance with exactly the segment of an earlier one but another label is therefore never found. Where
    instances of several categories overlap, the score can even fall: misses count against the true category.

    Args:
        predictions: Detections of all videos, N rows.
        ground_truth: Instances of all videos.

    Returns:
        At most N rows.

    Example:
        >>> instance = SegmentTable(np.array([0]), np.array([[2.0, 8.0]]), np.ones(1), np.array([5]))
        >>> with_true_labels(instance._replace(labels=np.array([3])), instance).labels
        array([5])
    """
    predictions = without_copies(predictions)
    closest = _closest_instances(predictions, ground_truth)
    labels = predictions.labels.copy()
    labels[closest.predictions] = ground_truth.labels[closest.instances]
    return predictions._replace(labels=labels)


def with_true_segments(predictions: SegmentTable, ground_truth: SegmentTable) -> SegmentTable:
    """Return the predictions with segments as a perfect localizer would give them: errors of classification remain.

    A prediction gets the segment of the instance of its video with the largest tIoU, whatever the labels are; of
    several equal ones that of the first. One that overlaps none is left out: a perfect localizer would not have
    made it. Predictions of one label that end on the same instance would all be duplicates but one, which again
    is an error of localization: the best-scored of them stays, the first one if scores are equal. Scores, labels
    and order of what remains stay.

    The score is the same at every tIoU threshold unless instances of a video overlap each other. Of instances with
    exactly the same segment and label only one is ever found.

    Args:
        predictions: Detections of all videos, N rows.
        ground_truth: Instances of all videos.

    Returns:
        At most N rows.

    Example:
        >>> instance = SegmentTable(np.array([0]), np.array([[2.0, 8.0]]), np.ones(1), np.array([5]))
        >>> with_true_segments(instance._replace(segments=np.array([[7.0, 9.0]])), instance).segments
        array([[2., 8.]])
    """
    closest = _closest_instances(predictions, ground_truth)
    closest = closest.rows(closest.temporal_ious > 0)
    labels, scores = predictions.labels[closest.predictions], predictions.scores[closest.predictions]
    # Pairs come by prediction row, and the sort is stable: of equal scores the first row leads.
    ranked = np.lexsort((-scores, labels, closest.instances))
    is_best = _starts_run(closest.instances[ranked]) | _starts_run(labels[ranked])
    kept = closest.rows(np.sort(ranked[is_best]))
    return predictions.rows(kept.predictions)._replace(segments=ground_truth.segments[kept.instances])


def _closest_instances(predictions: SegmentTable, ground_truth: SegmentTable) -> SegmentPairs:
    """Return the instance with the largest tIoU of each prediction, the nearest in time where none overlaps.

    Predictions in videos without instances are left out. Pairs come by ascending prediction row.
    """
    pairs = pair_segments(predictions, ground_truth, same_label=False, min_temporal_iou=0.0)
    gaps = _gaps(predictions.segments[pairs.predictions], ground_truth.segments[pairs.instances])
    # The gap decides only where no tIoU is positive: segments that overlap have none. Then the earlier row does.
    ranked = np.lexsort((gaps, -pairs.temporal_ious, pairs.predictions))
    return pairs.rows(ranked[_starts_run(pairs.predictions[ranked])])


def _gaps(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the seconds between the segments of each row, 0 where they touch; ``(P, 2)`` each to ``(P,)``."""
    gaps: FloatArray = np.maximum(np.maximum(a[:, 0], b[:, 0]) - np.minimum(a[:, 1], b[:, 1]), 0.0)
    return gaps


def _starts_run(values: IntArray) -> BoolArray:
    """Mark the entries that differ from the one before, ``(N,)``."""
    starts = np.ones(len(values), dtype=np.bool_)
    starts[1:] = values[1:] != values[:-1]
    return starts
