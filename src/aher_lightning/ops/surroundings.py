"""The background before and after an instance, and features cropped to a span."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.ops.resample import read_features


class Surroundings(NamedTuple):
    """The background on both sides of an instance, up to the next instance or the end of the video.

    Attributes:
        before: ``(start, end)``, normalized, ``(B, 2)``; empty where another instance touches.
        after: ``(start, end)``, normalized, ``(B, 2)``; likewise.
    """

    before: Tensor
    after: Tensor


def background_around(segments: Tensor, is_real: Tensor, chosen: Tensor) -> Surroundings:
    """Return the background directly before and after one instance of each video.

    Args:
        segments: Instances ``(start, end)``, normalized, shape ``(B, G, 2)``, G at least 1.
        is_real: False at padding, bool ``(B, G)``.
        chosen: Index of the instance, int64 ``(B,)``.

    Example:
        >>> segments = torch.tensor([[[0.1, 0.2], [0.5, 0.6]]])
        >>> background_around(segments, torch.tensor([[True, True]]), torch.tensor([1])).before
        tensor([[0.2000, 0.5000]])
    """
    starts, ends = segments.unbind(dim=-1)  # (B, G)
    start, end = segments[torch.arange(len(segments), device=segments.device), chosen].unbind(dim=-1)
    is_other = is_real & (torch.arange(segments.shape[1], device=segments.device) != chosen.unsqueeze(1))
    begins_earlier = is_other & (starts < start.unsqueeze(1))
    ends_later = is_other & (ends > end.unsqueeze(1))
    earliest = torch.minimum(ends.where(begins_earlier, 0.0).amax(dim=1), start)
    latest = torch.maximum(starts.where(ends_later, 1.0).amin(dim=1), end)
    return Surroundings(torch.stack((earliest, start), dim=-1), torch.stack((end, latest), dim=-1))


def crop_features(features: Tensor, spans: Tensor, length: int) -> Tensor:
    """Resample the features within one span of each sequence to a number of steps.

    Output step t is read at the centre of its part of the span, linearly interpolated between the centres of
    neighbouring input steps; beyond the outermost centres their values are replicated.

    Args:
        features: Feature sequences, shape ``(B, C, T)``.
        spans: ``(start, end)``, normalized, shape ``(B, 2)``.
        length: Number of output steps.

    Returns:
        Feature sequences, shape ``(B, C, length)``.

    Example:
        >>> crop_features(torch.tensor([[[0.0, 1.0, 2.0, 3.0]]]), torch.tensor([[0.5, 1.0]]), 2)
        tensor([[[2., 3.]]])
    """
    fractions = (torch.arange(length, device=features.device, dtype=features.dtype) + 0.5) / length
    start, end = spans.to(features.dtype).unsqueeze(-1).unbind(dim=1)  # (B, 1)
    return read_features(features, start + fractions * (end - start))
