"""Offsets between anchors and their segments."""

from __future__ import annotations

import torch
from torch import Tensor


def encode_offsets(anchors: Tensor, segments_cw: Tensor, centre_scale: float = 1.0, width_scale: float = 1.0) -> Tensor:
    """Return the offsets from each anchor to its segment; the inverse of :func:`decode_offsets`.

    A segment without width is treated as very narrow, so that its offsets are finite.

    Args:
        anchors: ``(centre, width)``, shape ``(A, 2)``.
        segments_cw: ``(centre, width)`` in the same unit, shape ``(..., A, 2)``.
        centre_scale: alpha_1 of Eq. 5.
        width_scale: alpha_2 of Eq. 5.

    Returns:
        Offsets of centre and width, without unit, shape ``(..., A, 2)``.

    Example:
        >>> encode_offsets(torch.tensor([[0.5, 0.2]]), torch.tensor([[0.6, 0.2]]))
        tensor([[0.5000, 0.0000]])
    """
    anchor_centre, anchor_width = anchors.unbind(dim=-1)
    centre, width = segments_cw.unbind(dim=-1)
    width_ratio = (width / anchor_width).clamp(min=torch.finfo(width.dtype).eps)
    centre_offset = (centre - anchor_centre) / (anchor_width * centre_scale)
    return torch.stack((centre_offset, width_ratio.log() / width_scale), dim=-1)


def decode_offsets(anchors: Tensor, offsets: Tensor, centre_scale: float = 1.0, width_scale: float = 1.0) -> Tensor:
    """Return the segments at given offsets from their anchors.

    Implements Eq. 5 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705. The paper sets both scales to 1, the authors' code to 0.1.

    Args:
        anchors: ``(centre, width)``, shape ``(A, 2)``.
        offsets: Offsets of centre and width, shape ``(..., A, 2)``.
        centre_scale: alpha_1 of Eq. 5.
        width_scale: alpha_2 of Eq. 5.

    Returns:
        ``(centre, width)`` in the unit of the anchors, not clipped, shape ``(..., A, 2)``.

    Example:
        >>> decode_offsets(torch.tensor([[0.5, 0.2]]), torch.tensor([[0.5, 0.0]]))
        tensor([[0.6000, 0.2000]])
    """
    anchor_centre, anchor_width = anchors.unbind(dim=-1)
    centre_offset, width_offset = offsets.unbind(dim=-1)
    centre = anchor_centre + centre_scale * anchor_width * centre_offset
    width = anchor_width * torch.exp(width_scale * width_offset)
    return torch.stack((centre, width), dim=-1)
