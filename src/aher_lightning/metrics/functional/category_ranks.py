"""Where predictions stand in the ranking of their category."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aher_lightning.metrics.functional.matching import Matches
from aher_lightning.metrics.functional.segment_table import IntArray, SegmentTable


def category_rows(matches: Matches, labels: IntArray) -> Iterator[IntArray]:
    """Give the predictions of one category after another.

    Args:
        matches: What each prediction found.
        labels: Categories, ``(K,)``.

    Yields:
        Rows of ``matches.ranked``, best score first, ``(n,)``; once per category, in the order given.
    """
    by_label = np.argsort(matches.ranked.labels, kind="stable")
    borders = np.searchsorted(matches.ranked.labels, [labels, labels + 1], sorter=by_label)
    for first, last in borders.T:
        yield by_label[first:last]


def ranks_in_instances(matches: Matches, ground_truth: SegmentTable) -> IntArray:
    """Return how far down each prediction stands, in units of the number of instances of its category.

    Of a category with G instances, the G best-scored predictions have 1, the next G have 2, and so on: what is not
    above ``k`` are the ``k * G`` best. So categories of different size can be added up.

    Args:
        matches: What each prediction found.
        ground_truth: The instances that were matched, of all categories.

    Returns:
        Numbers from 1, ``(N,)``.
    """
    ranks = np.empty(len(matches.rows), dtype=np.int64)
    labels, num_instances = np.unique(ground_truth.labels, return_counts=True)
    for rows, count in zip(category_rows(matches, labels), num_instances.tolist(), strict=True):
        ranks[rows] = np.arange(len(rows)) // count + 1
    return ranks
