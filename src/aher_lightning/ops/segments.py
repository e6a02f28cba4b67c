"""Temporal segments: overlap, the two notations, and conversion between seconds and [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor


def temporal_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the temporal intersection over union of all pairs of segments.

    Segments of no (or negative) length overlap with nothing, themselves included.

    Args:
        a: Segments ``(start, end)``, shape ``(..., N, 2)``; N may be 0.
        b: Segments ``(start, end)`` in the same unit, shape ``(..., M, 2)``; M may be 0.

    Returns:
        Pairwise tIoU in ``[0, 1]``, shape ``(..., N, M)``.

    Example:
        >>> temporal_iou(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 3.0], [4.0, 5.0]]))
        tensor([[0.3333, 0.0000]])
    """
    a_start, a_end = a.unsqueeze(-1).unbind(dim=-2)  # (..., N, 1)
    b_start, b_end = b.mT.contiguous().unsqueeze(-2).unbind(dim=-3)  # (..., 1, M), contiguous for speed
    intersection = torch.minimum(a_end, b_end).sub_(torch.maximum(a_start, b_start)).clamp_(min=0)
    union = torch.add(a_end - a_start, b_end - b_start).sub_(intersection)
    # The intersection exceeds neither length, hence a union of 0 or less only meets an intersection of 0.
    return intersection.div_(union.clamp_(min=torch.finfo(union.dtype).tiny))


def centre_width_to_segments(centre_width: Tensor) -> Tensor:
    """Convert ``(centre, width)`` to ``(start, end)`` in the same unit, shape ``(..., 2)``.

    Example:
        >>> centre_width_to_segments(torch.tensor([3.0, 2.0]))
        tensor([2., 4.])
    """
    centre, width = centre_width.unbind(dim=-1)
    return torch.stack((centre - width / 2, centre + width / 2), dim=-1)


def segments_to_centre_width(segments: Tensor) -> Tensor:
    """Convert ``(start, end)`` to ``(centre, width)`` in the same unit, shape ``(..., 2)``.

    Example:
        >>> segments_to_centre_width(torch.tensor([2.0, 4.0]))
        tensor([3., 2.])
    """
    start, end = segments.unbind(dim=-1)
    return torch.stack(((start + end) / 2, end - start), dim=-1)


def normalize_segments(segments_sec: Tensor, duration_sec: Tensor | float) -> Tensor:
    """Convert segments from seconds to fractions of their video, shape ``(..., N, 2)``.

    Args:
        segments_sec: ``(start, end)`` in seconds, shape ``(..., N, 2)``.
        duration_sec: Duration in seconds: one number, or one per video, shape ``(...)``.

    Raises:
        ValueError: If a duration is not positive.

    Example:
        >>> normalize_segments(torch.tensor([[5.0, 10.0]]), 20.0)
        tensor([[0.2500, 0.5000]])
    """
    durations = torch.as_tensor(duration_sec, dtype=segments_sec.dtype, device=segments_sec.device)
    if not bool((durations > 0).all()):
        raise ValueError(f"durations must be positive seconds, got {duration_sec}")
    return segments_sec / durations[..., None, None]


def denormalize_segments(segments: Tensor, duration_sec: Tensor | float) -> Tensor:
    """Convert normalized segments ``(..., N, 2)`` to seconds; the inverse of :func:`normalize_segments`.

    Example:
        >>> denormalize_segments(torch.tensor([[0.25, 0.5]]), 20.0)
        tensor([[ 5., 10.]])
    """
    durations = torch.as_tensor(duration_sec, dtype=segments.dtype, device=segments.device)
    return segments * durations[..., None, None]


def clip_segments(segments: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Clip starts to at least ``low`` and ends to at most ``high``, in the unit of the segments, shape ``(..., 2)``.

    A segment wholly outside ends before it starts, so that it is recognizably empty.

    Example:
        >>> clip_segments(torch.tensor([[-0.5, 0.5], [1.25, 1.5]]))
        tensor([[0.0000, 0.5000],
                [1.2500, 1.0000]])
    """
    start, end = segments.unbind(dim=-1)
    return torch.stack((start.clamp(min=low), end.clamp(max=high)), dim=-1)
