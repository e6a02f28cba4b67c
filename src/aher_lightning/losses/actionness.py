"""Actionness: action against background, on foreground anchors and hard negatives."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from aher_lightning.losses.reduction import gather_from_processes, mean_over_processes, sum_over_processes
from aher_lightning.ops.hard_negatives import mine_hard_negatives
from aher_lightning.ops.matching import BACKGROUND, FOREGROUND


def actionness_loss(logits: Tensor, states: Tensor, selected: Tensor) -> Tensor:
    """Return the softmax cross entropy of action against background, mean over the selected anchors.

    The authors' code of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705, has this loss (times 2, selecting strictly); the paper does not.

    Args:
        logits: Background and action, shape ``(B, A, 2)``.
        states: 1 foreground, 0 background, -1 neither, int64 ``(B, A)``.
        selected: Selected anchors, see :func:`select_anchors_over_processes`, bool ``(B, A)``.

    Returns:
        Scalar; 0 if none is selected.

    Example:
        >>> import torch
        >>> logits, states = torch.zeros(1, 3, 2), torch.tensor([[1, 0, -1]])
        >>> actionness_loss(logits, states, select_anchors_over_processes(logits, states))  # log 2
        tensor(0.6931)
    """
    losses = functional.cross_entropy(logits.movedim(-1, 1), (states == FOREGROUND).long(), reduction="none")
    return mean_over_processes(losses, selected)


def select_anchors_over_processes(
    logits: Tensor, states: Tensor, *, ratio: float = 1.0, strict: bool = False
) -> Tensor:
    """Return the foreground anchors and the hard negatives of the whole batch.

    Args:
        logits: Background and action, shape ``(B, A, 2)``.
        states: 1 foreground, 0 background, -1 neither, int64 ``(B, A)``.
        ratio: Hard negatives per foreground anchor.
        strict: Leave out the least hard of the hard negatives.

    Returns:
        Selected anchors, bool ``(B, A)``.

    Example:
        >>> import torch
        >>> select_anchors_over_processes(torch.zeros(1, 3, 2), torch.tensor([[1, 0, -1]]))
        tensor([[ True,  True, False]])
    """
    is_action = states == FOREGROUND
    background = logits.detach().softmax(dim=-1)[..., 0]
    # Others get a probability of 2, so that one exchange between processes carries both.
    shared, own_rows = gather_from_processes(background.where(states == BACKGROUND, 2.0))
    num_positives = sum_over_processes(is_action.sum())
    is_mined = mine_hard_negatives(shared, shared <= 1, num_positives, ratio=ratio, strict=strict)
    return is_action | is_mined[own_rows]
