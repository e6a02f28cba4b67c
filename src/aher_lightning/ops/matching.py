"""Assignment of anchors to ground-truth instances."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.ops.segments import centre_width_to_segments, clip_segments, temporal_iou

FOREGROUND = 1
BACKGROUND = 0
IGNORED = -1


class AnchorMatches(NamedTuple):
    """The matched instance and the state of every anchor.

    Attributes:
        overlaps: Largest tIoU with any instance of the video, ``(B, A)``.
        indices: The instance with that tIoU (the first of several; 0 where none overlaps), or the one
            whose best anchor it is, int64 ``(B, A)``.
        states: 1 foreground, 0 background, -1 neither, int64 ``(B, A)``.
    """

    overlaps: Tensor
    indices: Tensor
    states: Tensor


def match_anchors(
    anchors: Tensor,
    segments: Tensor,
    is_real: Tensor,
    *,
    foreground: float = 0.8,
    background: float = 0.3,
    match_best_anchor: bool = False,
    clip_to: tuple[float, float] | None = None,
) -> AnchorMatches:
    """Match anchors with ground truth by temporal overlap.

    An anchor is foreground if its largest tIoU exceeds ``foreground``, background if it stays below
    ``background``, and neither otherwise. In a video without ground truth all anchors are background.

    Implements the rule of section 3.3 of "Learning to Localize Actions from Moments" (Long et al.,
    ECCV 2020), https://arxiv.org/abs/2008.13705. The authors' code clips the anchors to
    ``(0, 511 / 512)`` first.

    Args:
        anchors: ``(centre, width)``, normalized, shape ``(A, 2)``.
        segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``; G may be 0.
        is_real: False at padding, bool, shape ``(B, G)``.
        foreground: tIoU above which an anchor is foreground.
        background: tIoU below which an anchor is background.
        match_best_anchor: Make the best anchor of each instance foreground whatever its tIoU, so that every
            instance has one. An anchor that is best for two instances goes to the one that overlaps more.
        clip_to: Span to which anchors are clipped before matching; ``None`` leaves them whole.

    Raises:
        ValueError: If not ``0 < background <= foreground <= 1``.

    Example:
        >>> anchors = torch.tensor([[0.25, 0.5], [0.75, 0.5]])
        >>> match_anchors(anchors, torch.tensor([[[0.0, 0.45]]]), torch.tensor([[True]])).states
        tensor([[1, 0]])
    """
    if not 0 < background <= foreground <= 1:
        raise ValueError(f"thresholds must obey 0 < background <= foreground <= 1, got {background} and {foreground}")
    spans = centre_width_to_segments(anchors)
    if clip_to is not None:
        spans = clip_segments(spans, *clip_to)
    if segments.shape[1] == 0:
        nothing = spans.new_zeros(segments.shape[0], len(spans))
        return AnchorMatches(nothing, nothing.long(), torch.full_like(nothing, BACKGROUND, dtype=torch.long))
    pairs = temporal_iou(spans, segments) * is_real.unsqueeze(1)  # (B, A, G)
    overlaps, indices = pairs.max(dim=-1)
    states = torch.full_like(indices, IGNORED)
    states[overlaps > foreground] = FOREGROUND
    states[overlaps < background] = BACKGROUND
    if match_best_anchor:
        claims = _best_anchor_claims(pairs)
        indices = torch.where(claims.amax(dim=-1) > 0, claims.argmax(dim=-1), indices)
        states[claims.amax(dim=-1) > 0] = FOREGROUND
    return AnchorMatches(overlaps, indices, states)


def nearest_instances(points: Tensor, segments: Tensor, is_real: Tensor) -> Tensor:
    """Return the instance nearest to each point in time, the first of several.

    Args:
        points: Normalized positions, shape ``(N,)``.
        segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``; G may be 0.
        is_real: False at padding, bool, shape ``(B, G)``.

    Returns:
        Indices into G, int64 ``(B, N)``; 0 in videos without any instance.

    Example:
        >>> points, segments = torch.tensor([0.1, 0.8]), torch.tensor([[[0.2, 0.4], [0.5, 0.6], [0.0, 0.0]]])
        >>> nearest_instances(points, segments, torch.tensor([[True, True, False]]))
        tensor([[0, 1]])
    """
    if segments.shape[1] == 0:
        return torch.zeros(segments.shape[0], len(points), dtype=torch.int64, device=segments.device)
    starts, ends = segments.unsqueeze(1).unbind(dim=-1)  # (B, 1, G)
    places = points.unsqueeze(-1)
    distances = torch.maximum(starts - places, places - ends).clamp(min=0)
    return distances.masked_fill(~is_real.unsqueeze(1), torch.inf).argmin(dim=-1)


def gather_matched_segments(segments: Tensor, indices: Tensor) -> Tensor:
    """Return the matched segment of each anchor, shape ``(B, A, 2)``.

    Args:
        segments: Ground truth, shape ``(B, G, 2)``; with G = 0 the result is zero.
        indices: Indices into G, int64, shape ``(B, A)``.

    Example:
        >>> gather_matched_segments(torch.tensor([[[0.0, 0.1], [0.2, 0.3]]]), torch.tensor([[1]]))
        tensor([[[0.2000, 0.3000]]])
    """
    if segments.shape[1] == 0:
        return segments.new_zeros(*indices.shape, 2)
    return segments.gather(1, indices.unsqueeze(-1).expand(-1, -1, 2))


def _best_anchor_claims(pairs: Tensor) -> Tensor:
    """Zero all overlaps ``(B, A, G)`` but each instance's largest (the first of several)."""
    best = pairs.argmax(dim=1, keepdim=True)
    return torch.zeros_like(pairs).scatter(1, best, pairs.gather(1, best))
