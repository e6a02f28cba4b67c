"""Types of false positives."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from aher_lightning.metrics.functional.detection_matching import UNMATCHED, Matches
from aher_lightning.metrics.functional.segment_table import BoolArray, FloatArray, IntArray, SegmentTable, pair_segments

_BACKGROUND_TEMPORAL_IOU = 0.1
"""tIoU below which a prediction belongs to no instance (false positive analysis of arXiv:1807.10706)."""


class PredictionType(IntEnum):
    """Type of a prediction at a tIoU threshold, by the instance of its video with which it has the largest tIoU.

    Attributes:
        TRUE_POSITIVE: It found an instance.
        DOUBLE_DETECTION: It reaches the threshold and has the label, but a better prediction found the instance.
        WRONG_LABEL: It reaches the threshold with another label.
        LOCALIZATION: It has the label, and a tIoU from 0.1 to below the threshold.
        CONFUSION: It has another label, and a tIoU from 0.1 to below the threshold.
        BACKGROUND: It has a tIoU below 0.1 with every instance, or its video has none.
    """

    TRUE_POSITIVE = 0
    DOUBLE_DETECTION = 1
    WRONG_LABEL = 2
    LOCALIZATION = 3
    CONFUSION = 4
    BACKGROUND = 5


ERROR_TYPES = tuple(kind for kind in PredictionType if kind is not PredictionType.TRUE_POSITIVE)
"""Types of false positives, in the order of reports."""


def classify_predictions(matches: Matches, ground_truth: SegmentTable) -> IntArray:
    """Return the type of each prediction at each threshold.

    A prediction that found an instance is a true positive. The type of any other depends on the instance of its
    video with the largest tIoU, whatever the labels are. Between equal tIoU, an instance of the same label is
    preferred: THUMOS14 annotates each CliffDiving as Diving too, with the same segment. At a threshold of 0.1 or
    less, localization errors and confusions do not occur; what stays below the threshold is background.

    Implements the false positive analysis of "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al.,
    ECCV 2018), arXiv:1807.10706.

    Args:
        matches: Matches of all predictions.
        ground_truth: The instances that were matched, of all categories.

    Returns:
        Values of :class:`PredictionType`, ``(H, N)``.

    Example:
        >>> from aher_lightning.metrics.functional.detection_matching import match_predictions
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> found = match_predictions(truth._replace(segments=np.array([[0.0, 6.0]])), truth, [0.5, 0.75])
        >>> [PredictionType(kind).name for kind in classify_predictions(found, truth)[:, 0]]
        ['TRUE_POSITIVE', 'LOCALIZATION']
    """
    floor = min(_BACKGROUND_TEMPORAL_IOU, *matches.thresholds)
    closest, has_label = _closest_instances(matches.ranked, ground_truth, floor)
    on_time = np.where(has_label, PredictionType.DOUBLE_DETECTION, PredictionType.WRONG_LABEL)
    near = np.where(has_label, PredictionType.LOCALIZATION, PredictionType.CONFUSION)
    otherwise = np.where(closest >= _BACKGROUND_TEMPORAL_IOU, near, PredictionType.BACKGROUND)
    types = np.empty(matches.instances.shape, dtype=np.int64)
    for row, threshold in enumerate(matches.thresholds):
        types[row] = np.where(closest >= threshold, on_time, otherwise)
    types[matches.instances != UNMATCHED] = PredictionType.TRUE_POSITIVE
    return types


def _closest_instances(
    predictions: SegmentTable, ground_truth: SegmentTable, floor: float
) -> tuple[FloatArray, BoolArray]:
    """Return each prediction's largest tIoU, 0 below the floor, and whether the label matches there, ``(N,)`` each."""
    pairs = pair_segments(predictions, ground_truth, same_label=False, min_temporal_iou=floor)
    closest = np.zeros(len(predictions.videos))
    np.maximum.at(closest, pairs.predictions, pairs.temporal_ious)
    pairs = pairs.rows(pairs.temporal_ious == closest[pairs.predictions])
    fits = predictions.labels[pairs.predictions] == ground_truth.labels[pairs.instances]
    has_label = np.zeros(len(predictions.videos), dtype=np.bool_)
    has_label[pairs.predictions[fits]] = True
    return closest, has_label
