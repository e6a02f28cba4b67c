"""Regression of the overlap with the closest instance (Eq. 7)."""

from __future__ import annotations

from torch import Tensor

from aher_lightning.losses.reduction import mean_over_processes


def overlap_loss(predicted: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the squared error of the predicted tIoU, mean over the anchors that count.

    Implements L_ov, Eq. 7 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705. The authors' code counts anchors that overlap with an instance, and
    weights by 25.

    Args:
        predicted: tIoU in ``[0, 1]``, shape ``(B, A)``.
        target: tIoU with the closest instance, shape ``(B, A)``.
        mask: Which anchors count, bool ``(B, A)``; ``None`` for all.

    Returns:
        Scalar; 0 if no anchor counts.

    Example:
        >>> import torch
        >>> overlap_loss(torch.tensor([[0.5, 0.25]]), torch.tensor([[1.0, 0.25]]))
        tensor(0.1250)
    """
    return mean_over_processes((predicted - target).square(), mask)
