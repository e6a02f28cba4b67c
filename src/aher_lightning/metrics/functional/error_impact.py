"""Counts of each error type among the best predictions, and what each type costs."""

from __future__ import annotations

import numpy as np

from aher_lightning.metrics.functional.category_ranks import category_rows
from aher_lightning.metrics.functional.detection_matching import UNMATCHED, Matches
from aher_lightning.metrics.functional.error_types import ERROR_TYPES, PredictionType
from aher_lightning.metrics.functional.segment_table import IntArray, SegmentTable
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, hit_places, interpolated_area


def count_types(types: IntArray, ranks: IntArray, max_multiple: int = 10) -> IntArray:
    """Return the predictions of each type among the ``k * G`` best of each category, summed over categories.

    G is the number of instances of the category. There may be fewer predictions than that.

    Implements the false positive profile of "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al.,
    ECCV 2018), arXiv:1807.10706.

    Args:
        types: Values of :class:`PredictionType` at one threshold, ``(N,)``.
        ranks: Rank of these predictions, from 1, in units of G: see :func:`ranks_in_instances`, ``(N,)``.
        max_multiple: Largest k.

    Returns:
        Cumulative counts: k from 1 in rows, types in columns, ``(max_multiple, 6)``.

    Example:
        >>> count_types(np.array([0, 5, 5]), np.array([1, 1, 2]), 2)
        array([[1, 0, 0, 0, 0, 1],
               [1, 0, 0, 0, 0, 2]])
    """
    is_counted = ranks <= max_multiple
    places = (ranks[is_counted] - 1) * len(PredictionType) + types[is_counted]
    counts = np.bincount(places, minlength=max_multiple * len(PredictionType))
    cumulative: IntArray = counts.reshape(max_multiple, len(PredictionType)).cumsum(axis=0)
    return cumulative


def precisions_without_errors(
    matches: Matches, types: IntArray, ground_truth: SegmentTable
) -> dict[PredictionType, AveragePrecisions]:
    """Return the average precisions after removing all errors of one type, for each of the five.

    Errors match nothing, so all other predictions match the same without them: recall stays, precision does not fall,
    and no average precision is below that of all predictions.

    Follows the impact of error types in "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al.,
    ECCV 2018), arXiv:1807.10706. Differs in that precision is not normalized and all predictions count, not the
    ``10 * G`` best, so that the gains add to the mAP that is reported elsewhere.

    Args:
        matches: Matches of all predictions.
        types: Type of each prediction at each threshold, ``(H, N)``.
        ground_truth: The instances that were matched, of all categories.

    Returns:
        Average precisions of the categories that occur in the ground truth, by type of error.
    """
    labels, num_instances = np.unique(ground_truth.labels, return_counts=True)
    values = np.zeros((len(ERROR_TYPES), len(matches.thresholds), len(labels)))
    for column, rows in enumerate(category_rows(matches, labels)):
        is_hit = matches.instances[:, rows] != UNMATCHED
        found = hit_places(is_hit)
        true_positives = np.cumsum(is_hit, axis=1)[:, found]
        recall = true_positives / num_instances[column]
        # One type at a time: all at once would need five times the memory, which matters for millions of rows.
        for row, kind in enumerate(ERROR_TYPES):
            left_out = np.cumsum(types[:, rows] == kind, axis=1)[:, found]
            precision = true_positives / np.maximum(found + 1 - left_out, 1)
            values[row, :, column] = interpolated_area(precision, recall)
    return {kind: AveragePrecisions(matches.thresholds, labels, values[row]) for row, kind in enumerate(ERROR_TYPES)}
