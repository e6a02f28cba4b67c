"""Normalized average precision and missed instances of subsets of the ground truth."""

from __future__ import annotations

import numpy as np

from aher_lightning.metrics.functional.category_ranks import category_rows
from aher_lightning.metrics.functional.detection_matching import UNMATCHED, Matches
from aher_lightning.metrics.functional.segment_table import BoolArray, FloatArray, IntArray, SegmentTable
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions, hit_places, interpolated_area


def normalized_precisions(
    matches: Matches, ground_truth: SegmentTable, subsets: BoolArray
) -> tuple[AveragePrecisions, ...]:
    """Return the normalized average precisions of several subsets of the instances.

    Precision depends on the number of instances: with the same detector, few instances among the same false
    positives give a low one. Normalized precision is what precision would be with N instances, ``R * N / (R * N +
    F)``, where R is the recall and F the number of false positives so far. N is the mean number of instances per
    category of the whole ground truth, so that subsets and groups of categories can be compared.

    Only instances of the subset are positives. A prediction that found another instance is ignored, neither right
    nor wrong; one that found none is a false positive.

    Implements the sensitivity analysis of "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al.,
    ECCV 2018), arXiv:1807.10706, after "Diagnosing Error in Object Detectors" (D. Hoiem et al., ECCV 2012).

    Args:
        matches: Matches of all predictions.
        ground_truth: The instances that were matched, of all categories, G rows.
        subsets: Members of each subset, ``(S, G)``.

    Returns:
        One record per subset, of the categories with an instance in it.

    Example:
        >>> from aher_lightning.metrics.functional.detection_matching import match_predictions
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> normalized_precisions(match_predictions(truth, truth), truth, np.array([[True], [False]]))[0].average
        1.0
    """
    labels, places = np.unique(ground_truth.labels, return_inverse=True)
    sizes = np.stack([np.bincount(places.reshape(-1)[subset], minlength=len(labels)) for subset in subsets])
    # An extra column for unmatched predictions, whose index is -1: they belong to no subset.
    members = np.pad(subsets, ((0, 0), (0, 1)), constant_values=False)
    usual = len(ground_truth.labels) / max(len(labels), 1)
    values = np.zeros((len(subsets), len(matches.thresholds), len(labels)))
    for column, rows in enumerate(category_rows(matches, labels)):
        instances = matches.instances[:, rows]
        is_hit = instances != UNMATCHED
        found = hit_places(is_hit)
        false_positives = np.cumsum(~is_hit, axis=1)[:, found]  # (H, F)
        true_positives = np.cumsum(members[:, instances[:, found]], axis=2)  # (S, H, F)
        recall = true_positives / np.maximum(sizes[:, column], 1)[:, None, None]
        values[:, :, column] = interpolated_area(_normalized(recall, false_positives, usual), recall)
    return tuple(
        AveragePrecisions(matches.thresholds, labels[size > 0], value[:, size > 0])
        for size, value in zip(sizes, values, strict=True)
    )


def missed_instances(instances: IntArray, ranks: IntArray, num_instances: int, max_multiple: int = 10) -> BoolArray:
    """Return the false negatives: instances that none of the best predictions of their category found.

    All predictions took part in the matching, but only the ``max_multiple * G`` best of a category with G instances
    count as finding anything.

    Implements the false negative analysis of "Diagnosing Error in Temporal Action Detectors" (H. Alwassel et al.,
    ECCV 2018), arXiv:1807.10706.

    Args:
        instances: Row of the instance that each prediction found at one threshold, ``UNMATCHED`` for none, ``(N,)``.
        ranks: Rank of these predictions, from 1, in units of G: see :func:`ranks_in_instances`, ``(N,)``.
        num_instances: Rows of the ground truth.
        max_multiple: Predictions that count, per instance.

    Returns:
        True for missed instances, ``(num_instances,)``.

    Example:
        >>> missed_instances(np.array([1, UNMATCHED, 0]), np.array([1, 2, 11]), 2)
        array([ True, False])
    """
    is_missed = np.ones(num_instances, dtype=np.bool_)
    is_missed[instances[(instances != UNMATCHED) & (ranks <= max_multiple)]] = False
    return is_missed


def _normalized(recall: FloatArray, false_positives: IntArray, usual: float) -> FloatArray:
    """Return the precision for a usual number of instances; 0 where nothing counts so far."""
    right = recall * usual
    precision: FloatArray = right / np.maximum(right + false_positives, np.finfo(np.float64).tiny)
    return precision
