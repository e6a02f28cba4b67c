"""Ranks of predictions within their category."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aher_lightning.metrics.functional.detection_matching import Matches
from aher_lightning.metrics.functional.segment_table import IntArray, SegmentTable


def category_rows(matches: Matches, labels: IntArray) -> Iterator[IntArray]:
    """Yield the predictions of one category after another.

    Args:
        matches: Matches of all predictions.
        labels: Categories, ``(K,)``.

    Yields:
        Rows of ``matches.ranked``, best score first, ``(n,)``; once per category, in the order given.
    """
    by_label = np.argsort(matches.ranked.labels, kind="stable")
    borders = np.searchsorted(matches.ranked.labels, [labels, labels + 1], sorter=by_label)
    for first, last in borders.T:
        yield by_label[first:last]


def ranks_in_instances(matches: Matches, ground_truth: SegmentTable) -> IntArray:
    """Return the rank of each prediction in units of the number of instances of its category.

    Of a category with G instances, the G best-scored predictions have rank 1, the next G rank 2, and so on: ranks up to
    ``k`` are the ``k * G`` best. This makes categories of different size summable.

    Args:
        matches: Matches of all predictions.
        ground_truth: The instances that were matched, of all categories.

    Returns:
        Ranks from 1, ``(N,)``.
    """
    ranks = np.empty(len(matches.rows), dtype=np.int64)
    labels, num_instances = np.unique(ground_truth.labels, return_counts=True)
    for rows, count in zip(category_rows(matches, labels), num_instances.tolist(), strict=True):
        ranks[rows] = np.arange(len(rows)) // count + 1
    return ranks
