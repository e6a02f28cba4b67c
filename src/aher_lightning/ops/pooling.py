"""Means of a sequence over its segments."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mean_over_segments(values: Tensor, segments: Tensor) -> Tensor:
    """Return the mean of a sequence over each segment, steps at its ends weighted by their covered fraction.

    The sequence is constant within a step. Segments are clipped to the sequence; one without length
    gets the value at its position.

    Args:
        values: Sequences, shape ``(B, K, T)``.
        segments: ``(start, end)``, normalized, shape ``(B, A, 2)``.

    Returns:
        Means, shape ``(B, A, K)``.

    Example:
        >>> mean_over_segments(torch.tensor([[[0.0, 1.0]]]), torch.tensor([[[0.0, 1.0], [0.25, 0.75], [0.5, 1.0]]]))
        tensor([[[0.5000],
                 [0.5000],
                 [1.0000]]])
    """
    steps = values.shape[-1]
    shortest = 1e-3 / steps
    starts = segments[..., 0].clamp(0.0, 1.0 - shortest)
    ends = segments[..., 1].clamp(max=1.0).maximum(starts + shortest)
    sums = functional.pad(values.double().cumsum(dim=-1), (1, 0))  # integral from 0 to each step's edge
    covered = _integral(sums, ends * steps) - _integral(sums, starts * steps)
    means = covered / ((ends - starts) * steps).unsqueeze(1)
    return means.transpose(1, 2).to(values.dtype)


def _integral(sums: Tensor, places: Tensor) -> Tensor:
    """Integral from 0 to each place, ``(B, K, A)``; ``sums`` holds it at the edges of steps, ``(B, K, T + 1)``."""
    places = places.double()
    lower = places.floor().long().clamp(max=sums.shape[-1] - 2)
    indices = lower.unsqueeze(1).expand(-1, sums.shape[1], -1)
    low, high = sums.gather(2, indices), sums.gather(2, indices + 1)
    return torch.lerp(low, high, (places - lower).unsqueeze(1).expand_as(low))
