"""Scores of groups of categories, and their harmonic mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from aher_lightning.metrics.functional.segment_table import SegmentTable
from aher_lightning.metrics.functional.temporal_map import AveragePrecisions


def group_precisions(precisions: AveragePrecisions, labels: Collection[int]) -> AveragePrecisions:
    """Return the average precisions of the categories of a group.

    The average precision of a category does not depend on other categories, so nothing is matched again.

    Args:
        precisions: Average precisions of all categories.
        labels: Categories of the group; those without ground truth are ignored.

    Example:
        >>> everything = AveragePrecisions((0.5,), np.array([0, 1, 7]), np.array([[0.2, 0.4, 0.6]]))
        >>> round(group_precisions(everything, [1, 7]).average, 2)
        0.5
    """
    chosen = np.isin(precisions.labels, list(labels))
    return precisions._replace(labels=precisions.labels[chosen], values=precisions.values[:, chosen])


def group_proposals(
    predictions: SegmentTable, ground_truth: SegmentTable, labels: Collection[int]
) -> tuple[SegmentTable, SegmentTable]:
    """Return the proposals and instances that the AUC of a group is computed from.

    The AUC compares the proposals of a video with its instances, so the videos are those with an instance of the
    group. Proposals have no category: all proposals in these videos count, whatever their labels are.

    Args:
        predictions: Proposals of all videos.
        ground_truth: Instances of all videos.
        labels: Categories of the group.

    Returns:
        Proposals of those videos; instances of the group.
    """
    instances = ground_truth.rows(np.isin(ground_truth.labels, list(labels)))
    return predictions.rows(np.isin(predictions.videos, instances.videos)), instances


def harmonic_mean(values: Sequence[float]) -> float:
    """Return the harmonic mean, ``2ab / (a + b)`` of two: high only if every group is.

    Args:
        values: Scores of the groups, not negative.

    Returns:
        The mean; 0 if a score is 0, nan if one is.

    Raises:
        ValueError: If there is no value.

    Example:
        >>> round(harmonic_mean([0.3, 0.6]), 6)
        0.4
    """
    if not values:
        raise ValueError("the harmonic mean needs at least one value")
    if 0 in values:
        return float("nan") if np.isnan(values).any() else 0.0
    return len(values) / sum(1 / value for value in values)
