"""Non-maximum suppression of temporal segments: exact, vectorized over videos, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.ops.segments import temporal_iou

_PAIRS_PER_BLOCK = 2**18  # pairs of segments compared at once: a megabyte of float32, which fits into caches
_PAIRS_PER_CHUNK = 2**16  # pairs within the candidates decided at once


def nms(segments: Tensor, scores: Tensor, threshold: float, max_keep: int | None = None) -> Tensor:
    """Run :func:`batched_nms` on one video: segments ``(N, 2)``, scores ``(N,)``; returns indices, int64 ``(k,)``.

    Example:
        >>> nms(torch.tensor([[0.0, 9.0], [0.0, 10.0], [20.0, 30.0]]), torch.tensor([0.3, 0.8, 0.5]), 0.5)
        tensor([1, 2])
    """
    return batched_nms(segments.unsqueeze(0), scores.unsqueeze(0), threshold, max_keep=max_keep).squeeze(0)


def batched_nms(
    segments: Tensor, scores: Tensor, threshold: float, *, labels: Tensor | None = None, max_keep: int | None = None
) -> Tensor:
    """Run non-maximum suppression on each video of a batch.

    The result equals the greedy algorithm's: visit the candidates by descending score, keep each that no kept one
    overlaps by more than the threshold. Candidates are processed in chunks, each compared with all that are kept so
    far, then decided within itself. Memory grows with N, not with N^2.

    Args:
        segments: ``(start, end)`` in any unit, shape ``(B, N, 2)``; B and N may be 0.
        scores: Shape ``(B, N)``; ``-inf`` marks an absent segment. Of equal scores the earlier is better.
        threshold: Largest tIoU between two kept segments.
        labels: If given, segments suppress only those of their own label, int64 ``(B, N)``.
        max_keep: Largest number kept per video; ``None`` for no limit.

    Returns:
        Indices of the kept segments, best first, int64 ``(B, k)`` with k the largest count; padded by -1.

    Raises:
        ValueError: If the threshold is outside ``[0, 1]`` or ``max_keep`` is below 1.

    Example:
        >>> segments = torch.tensor([[[0.0, 9.0], [0.0, 10.0], [20.0, 30.0]]])
        >>> batched_nms(segments, torch.tensor([[0.3, 0.8, -torch.inf]]), 0.5)
        tensor([[1]])
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"the NMS threshold must lie in [0, 1], got {threshold}")
    if max_keep is not None and max_keep < 1:
        raise ValueError(f"max_keep must be at least 1, got {max_keep}")
    if scores.numel() == 0:
        return scores.new_zeros(len(scores), 0, dtype=torch.long)
    ranking = _Ranking.of(segments.detach(), scores.detach(), labels)
    kept = _kept_ranks(ranking, threshold, max_keep or scores.shape[1])
    return ranking.indices.gather(1, kept)


class _Ranking(NamedTuple):
    """The candidates of each video, best first, followed by one empty segment with index -1."""

    segments: Tensor  # (B, N + 1, 2)
    labels: Tensor | None  # (B, N + 1)
    indices: Tensor  # (B, N + 1), into the unsorted candidates
    num_present: Tensor  # (B, 1)

    @classmethod
    def of(cls, segments: Tensor, scores: Tensor, labels: Tensor | None) -> _Ranking:
        """Sort the candidates by descending score, the absent ones to the end."""
        order = scores.argsort(dim=1, descending=True, stable=True)
        ordered = segments.gather(1, order.unsqueeze(-1).expand_as(segments))
        return cls(
            segments=functional.pad(ordered, (0, 0, 0, 1)),
            labels=None if labels is None else functional.pad(labels.gather(1, order), (0, 1)),
            indices=functional.pad(order, (0, 1), value=-1),
            num_present=(scores > -torch.inf).sum(dim=1, keepdim=True),
        )

    def overlaps(self, ranks: Tensor, others: Tensor) -> Tensor:
        """Return the tIoU of candidates of given ranks, ``(B, R)`` and ``(B, M)``; 0 across labels, ``(B, R, M)``."""
        overlaps = temporal_iou(*(self.segments.gather(1, r.unsqueeze(-1).expand(-1, -1, 2)) for r in (ranks, others)))
        if self.labels is not None:
            overlaps *= self.labels.gather(1, ranks).unsqueeze(2) == self.labels.gather(1, others).unsqueeze(1)
        return overlaps


def _kept_ranks(ranking: _Ranking, threshold: float, limit: int) -> Tensor:
    """Return the ranks of the kept candidates ``(B, k)``, padded by the rank of the empty segment."""
    batch_size, num_ranks = ranking.indices.shape
    empty = num_ranks - 1
    all_ranks = torch.arange(num_ranks, device=ranking.indices.device).expand(batch_size, -1)
    kept = torch.full_like(ranking.indices, empty)
    counts = torch.zeros_like(ranking.num_present)
    chunk_length = max(int((_PAIRS_PER_CHUNK / batch_size) ** 0.5), 16)
    for start in range(0, int(ranking.num_present.max()), chunk_length):
        ranks = all_ranks[:, start : start + chunk_length]
        is_open = ranks < ranking.num_present
        num_kept, block_length = int(counts.max()), max(_PAIRS_PER_BLOCK // ranks.numel(), 1)
        for first in range(0, num_kept, block_length):
            block = kept[:, first : min(first + block_length, num_kept)]
            is_open &= ranking.overlaps(block, ranks).amax(dim=1) <= threshold
        is_kept = _decide(is_open, ranking.overlaps(ranks, ranks) > threshold)
        slots = torch.where(is_kept, counts + is_kept.cumsum(dim=1) - 1, empty)
        kept.scatter_(1, slots, ranks.where(is_kept, empty))
        counts += is_kept.sum(dim=1, keepdim=True)
        if bool((counts >= limit).all()):
            break
    return kept[:, : min(limit, int(counts.max()))]


def _decide(is_open: Tensor, are_rivals: Tensor) -> Tensor:
    """Return which open candidates ``(B, M)`` of a chunk are kept, given which pairs overlap, ``(B, M, M)``.

    The greedy result is the only fixed point of "kept = open and suppressed by nothing kept". The first r
    ranks are final after r rounds, and usually all of them after a few.
    """
    suppression = are_rivals.triu(1).to(torch.float32)  # the row suppresses the column
    is_kept = is_open
    while True:
        survives = (is_kept.unsqueeze(1).to(torch.float32) @ suppression).squeeze(1) == 0
        survivors = is_open & survives
        if torch.equal(survivors, is_kept):
            return is_kept
        is_kept = survivors
