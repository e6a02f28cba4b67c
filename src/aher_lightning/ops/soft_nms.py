"""Soft non-maximum suppression of temporal segments: what overlaps a better one loses score instead of vanishing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.int64]

Decay = Callable[[FloatArray], FloatArray]
"""Turns the tIoU with a better segment, ``(N,)``, into the factor of the score, both in ``[0, 1]``."""


class RankedSegments(NamedTuple):
    """What suppression keeps of each video, best first.

    Attributes:
        indices: Into the candidates, int64 ``(B, M)``; -1 marks padding, which comes last.
        scores: Their scores after suppression, ``(B, M)``; 0 at padding.
    """

    indices: Tensor
    scores: Tensor


def gaussian_decay(sigma: float) -> Decay:
    """Return the factor ``exp(-tIoU^2 / sigma)``.

    Implements the Gaussian penalty of "Soft-NMS: Improving Object Detection With One Line of Code" (Bodla et al., ICCV
    2017), arXiv:1704.04503.

    Args:
        sigma: Small values suppress more.

    Raises:
        ValueError: If it is not positive.

    Example:
        >>> gaussian_decay(0.5)(np.array([0.0, 1.0])).round(3)
        array([1.   , 0.135])
    """
    if not sigma > 0:
        raise ValueError(f"sigma of soft-NMS must be positive, got {sigma}")
    return lambda overlaps: np.exp(-np.square(overlaps) / sigma)


def linear_decay(threshold: float) -> Decay:
    """Return the factor ``1 - tIoU`` above a threshold, 1 below.

    Implements the linear penalty of "Soft-NMS: Improving Object Detection With One Line of Code" (Bodla et al., ICCV
    2017), arXiv:1704.04503.

    Args:
        threshold: Largest tIoU that costs no score.

    Raises:
        ValueError: If it is outside ``[0, 1]``.

    Example:
        >>> linear_decay(0.5)(np.array([0.25, 0.75]))
        array([1.  , 0.25])
    """
    if not 0 <= threshold <= 1:
        raise ValueError(f"the threshold of soft-NMS must lie in [0, 1], got {threshold}")
    return lambda overlaps: np.where(overlaps > threshold, 1 - overlaps, 1)


def batched_soft_nms(
    segments: Tensor, scores: Tensor, decay: Decay, *, labels: Tensor | None = None, max_keep: int | None = None
) -> RankedSegments:
    """Run soft-NMS on each video of a batch, on the CPU.

    The best candidate is kept, all that overlap it lose score, the best of the rest is kept with the score that it has
    then, and so on. Memory grows with N. Each step visits only candidates near the one that it keeps, so that long
    videos of many short segments stay affordable.

    Implements "Soft-NMS: Improving Object Detection With One Line of Code" (Bodla et al., ICCV 2017),
    arXiv:1704.04503.

    Args:
        segments: ``(start, end)`` in any unit, shape ``(B, N, 2)``; B and N may be 0.
        scores: Not negative, shape ``(B, N)``; ``-inf`` marks an absent segment. Of equal scores that of the earlier
            start is better.
        decay: Factor of a score, given the tIoU with a better segment.
        labels: If given, segments suppress only those of their own label, int64 ``(B, N)``.
        max_keep: Largest number kept per video; ``None`` for no limit.

    Returns:
        What is kept, M being the largest count.

    Raises:
        ValueError: If ``max_keep`` is below 1.

    Example:
        >>> segments = torch.tensor([[[0.0, 9.0], [0.0, 10.0], [20.0, 30.0]]])
        >>> batched_soft_nms(segments, torch.tensor([[0.5, 0.8, 0.6]]), linear_decay(0.5)).indices
        tensor([[1, 2, 0]])
    """
    if max_keep is not None and max_keep < 1:
        raise ValueError(f"max_keep must be at least 1, got {max_keep}")
    if scores.numel() == 0:
        return RankedSegments(scores.new_zeros(len(scores), 0, dtype=torch.long), scores.new_zeros(len(scores), 0))
    groups = [None] * len(scores) if labels is None else labels.cpu().numpy()
    videos = zip(segments.detach().cpu().numpy(), scores.detach().cpu().numpy(), groups, strict=True)
    limit = scores.shape[1] if max_keep is None else max_keep
    rows = [_soft_nms(*video, decay, limit) for video in videos]
    indices = pad_sequence([torch.from_numpy(one) for one, _ in rows], batch_first=True, padding_value=-1)
    values = pad_sequence([torch.from_numpy(one) for _, one in rows], batch_first=True)
    return RankedSegments(indices.to(scores.device), values.to(scores.device))


def segments_by_start(segments: FloatArray, scores: FloatArray) -> IntArray:
    """Return the indices of the segments that are present, ``(n,)``, by ascending start.

    Args:
        segments: ``(start, end)``, shape ``(N, 2)``.
        scores: Shape ``(N,)``; ``-inf`` marks an absent segment.

    Example:
        >>> segments_by_start(np.array([[3.0, 4.0], [1.0, 2.0], [0.0, 1.0]]), np.array([0.5, 0.5, -np.inf]))
        array([1, 0])
    """
    present = np.flatnonzero(scores > -np.inf)
    order: IntArray = present[np.argsort(segments[present, 0], kind="stable")]
    return order


def overlap_ranges(
    starts: FloatArray, lengths: FloatArray, other_starts: FloatArray, other_ends: FloatArray
) -> tuple[IntArray, IntArray]:
    """Return where the segments lie that may overlap each of some others: from the first on, before the last.

    Args:
        starts: Starts of the segments, ascending, ``(N,)``.
        lengths: Their lengths, ``(N,)``.
        other_starts: Starts of the others, ``(M,)``.
        other_ends: Their ends, ``(M,)``.

    Returns:
        First and last + 1, int64 ``(M,)`` each.

    Example:
        >>> overlap_ranges(np.array([0.0, 1.0, 5.0]), np.ones(3), np.array([1.5]), np.array([4.0]))
        (array([1]), array([2]))
    """
    first = np.searchsorted(starts, other_starts - lengths.max(initial=0), side="left")
    return first, np.searchsorted(starts, other_ends, side="left")


def _soft_nms(
    segments: FloatArray, scores: FloatArray, labels: IntArray | None, decay: Decay, max_keep: int
) -> tuple[IntArray, FloatArray]:
    """Indices and scores of what is kept of one video."""
    by_start = segments_by_start(segments, scores)
    starts, ends = np.ascontiguousarray(segments[by_start].T)
    lengths, current = ends - starts, scores[by_start]
    first, last = overlap_ranges(starts, lengths, starts, ends)
    places = np.empty(min(max_keep, len(by_start)), dtype=np.int64)
    values = np.empty(len(places), dtype=scores.dtype)
    for number in range(len(places)):
        best = current.argmax()
        places[number], values[number] = best, current[best]
        near = slice(first[best], last[best])
        shared = np.minimum(ends[near], ends[best]) - np.maximum(starts[near], starts[best])
        np.maximum(shared, 0, out=shared)
        is_rival = current[near] > 0
        if labels is not None:
            is_rival &= labels[by_start[near]] == labels[by_start[best]]
        factors = decay(shared / (lengths[near] + lengths[best] - shared))
        np.multiply(current[near], factors, out=current[near], where=is_rival)
        current[best] = -np.inf
    return by_start[places], values
