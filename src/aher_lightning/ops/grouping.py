"""Detections from a score sequence: runs of consecutive snippets above one of several thresholds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aher_lightning.structures import Detections


def group_snippets(scores: Tensor, thresholds: Sequence[float], max_groups: int) -> Detections:
    """Return the runs of snippets whose score exceeds a threshold, for every category and threshold.

    A run found at several thresholds is returned once. Its score is the mean over its snippets.

    Follows the multi-threshold strategy of "Learning to Localize Actions from Moments" (Long et al.,
    ECCV 2020), section 4.3.

    Args:
        scores: Score of each snippet and category, shape ``(N, K)``.
        thresholds: Scores that the snippets of a run must exceed.
        max_groups: Number of best runs to keep.

    Returns:
        Runs ``[first, last + 1)`` in snippets ``(M, 2)``, their scores and categories, best first.

    Example:
        >>> group_snippets(torch.tensor([[0.1], [0.8], [0.6], [0.0]]), (0.5, 0.7), 10).segments
        tensor([[1., 2.],
                [1., 3.]])
    """
    runs = [_runs(scores > threshold) for threshold in thresholds]
    found = torch.unique(torch.cat(runs), dim=0) if runs else torch.zeros(0, 3, dtype=torch.int64)
    categories, firsts, ends = found.unbind(dim=1)
    sums = torch.nn.functional.pad(scores.cumsum(dim=0), (0, 0, 1, 0))
    means = (sums[ends, categories] - sums[firsts, categories]) / (ends - firsts)
    best = means.argsort(descending=True, stable=True)[:max_groups]
    return Detections(found[best, 1:].to(scores.dtype), means[best], categories[best])


def _runs(above: Tensor) -> Tensor:
    """Category, first and end (exclusive) of every run of True along the first dimension, ``(M, 3)``."""
    edges = torch.nn.functional.pad(above.to(torch.int8), (0, 0, 1, 1)).diff(dim=0).T
    starts, ends = (edges == 1).nonzero(), (edges == -1).nonzero()  # both ordered by category, then time
    return torch.cat([starts, ends[:, 1:]], dim=1)
