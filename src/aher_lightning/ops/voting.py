"""Segments refined by a vote of those that overlap them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aher_lightning.ops.soft_nms import FloatArray, IntArray, overlap_ranges, segments_by_start


def vote_segments(
    kept: Tensor, segments: Tensor, scores: Tensor, threshold: float, *, labels: tuple[Tensor, Tensor] | None = None
) -> Tensor:
    """Return each kept segment as the mean of the candidates that overlap it, on the CPU.

    A candidate with at least the given tIoU counts by its score times the tIoU. A kept segment that no candidate of
    positive score overlaps so much stays where it is. Memory grows with N, and each segment visits candidates near it
    only.

    Args:
        kept: ``(start, end)`` in any unit, shape ``(B, M, 2)``.
        segments: The candidates, ``(B, N, 2)``.
        scores: Their scores, ``(B, N)``; ``-inf`` marks an absent candidate.
        threshold: Smallest tIoU of a candidate that counts, above 0.
        labels: If given, of kept segments ``(B, M)`` and of candidates ``(B, N)``; only those of its own label count.

    Returns:
        Segments, ``(B, M, 2)``.

    Example:
        >>> candidates = torch.tensor([[[0.0, 4.0], [0.0, 3.0], [8.0, 9.0]]])
        >>> vote_segments(candidates[:, :1], candidates, torch.tensor([[0.75, 1.0, 1.0]]), 0.5)
        tensor([[[0.0000, 3.5000]]])
    """
    own, others, weights = (values.detach().cpu().numpy() for values in (kept, segments, scores))
    pairs = [None] * len(kept) if labels is None else list(zip(*(one.cpu().numpy() for one in labels), strict=True))
    voted = [_vote(own[row], others[row], weights[row], threshold, pair) for row, pair in enumerate(pairs)]
    return torch.from_numpy(np.stack(voted)).to(kept) if voted else kept


def _vote(
    kept: FloatArray,
    segments: FloatArray,
    scores: FloatArray,
    threshold: float,
    labels: tuple[IntArray, IntArray] | None,
) -> FloatArray:
    """The kept segments of one video after the vote, ``(M, 2)``."""
    by_start = segments_by_start(segments, scores)
    candidates, weights = segments[by_start], scores[by_start]
    starts, ends = np.ascontiguousarray(candidates.T)
    lengths = ends - starts
    voted: FloatArray = kept.copy()
    for number, (first, last) in enumerate(zip(*overlap_ranges(starts, lengths, *kept.T), strict=True)):
        near = slice(first, last)
        start, end = kept[number]
        shared = np.maximum(np.minimum(ends[near], end) - np.maximum(starts[near], start), 0)
        overlaps = shared / (lengths[near] + (end - start) - shared)
        votes = np.where(overlaps >= threshold, overlaps * weights[near], 0)
        if labels is not None:
            votes = votes * (labels[1][by_start[near]] == labels[0][number])
        if votes.sum() > 0:
            voted[number] = votes @ candidates[near] / votes.sum()
    return voted
