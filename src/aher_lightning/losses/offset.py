"""Regression of the boundaries (Eq. 6)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from aher_lightning.losses.reduction import mean_over_processes


def offset_loss(predicted: Tensor, target: Tensor, mask: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return the smooth L1 distance of centre plus that of width, mean over the anchors that count.

    Implements L_of, Eq. 6 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705, which compares decoded centres and widths. The authors' code compares
    encoded offsets, and divides by the number of foreground anchors and mined hard negatives together.

    Args:
        predicted: Decoded ``(centre, width)``, or encoded offsets, shape ``(B, A, 2)``.
        target: The same of the matched instance, shape ``(B, A, 2)``.
        mask: Which anchors are foreground, bool ``(B, A)``.
        counted: Anchors by whose number the sum over the foreground is divided, bool ``(B, A)``; the
            foreground's own if not given.

    Returns:
        Scalar; 0 if there is no foreground.

    Example:
        >>> import torch
        >>> offset_loss(torch.tensor([[[3.0, 0.5]]]), torch.zeros(1, 1, 2), torch.tensor([[True]]))
        tensor(2.6250)
    """
    distances = functional.smooth_l1_loss(predicted, target, reduction="none").sum(dim=-1)
    return mean_over_processes(distances.where(mask, 0), mask if counted is None else counted)
