"""Selection of the background anchors that enter a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def mine_hard_negatives(
    background_probabilities: Tensor,
    candidates: Tensor,
    num_positives: int | Tensor,
    *,
    ratio: float = 1.0,
    strict: bool = False,
) -> Tensor:
    """Select the background anchors of the batch with the lowest background probability (ties: memory order).

    Their number is ``min(int(ratio * num_positives) + B, number of candidates)``. B keeps a batch without positives
    from having no negatives, as in the authors' code of "Learning to Localize Actions from Moments" (Long et al.,
    ECCV 2020), https://arxiv.org/abs/2008.13705.

    Args:
        background_probabilities: Predicted probability of background, shape ``(B, A)``.
        candidates: Which anchors are background, bool, shape ``(B, A)``.
        num_positives: Number of foreground anchors in the batch, a count or a scalar tensor.
        ratio: Negatives per positive.
        strict: Select only anchors strictly below the last of these probabilities, as the authors' code does:
            one fewer, or more where probabilities are equal.

    Returns:
        Which anchors are selected, bool, shape ``(B, A)``.

    Example:
        >>> probabilities = torch.tensor([[0.9, 0.2, 0.5, 0.1]])
        >>> mine_hard_negatives(probabilities, torch.tensor([[True, True, True, False]]), 1)
        tensor([[False,  True,  True, False]])
    """
    keys = background_probabilities.detach().masked_fill(~candidates, torch.inf).flatten()
    if keys.numel() == 0:
        return candidates
    wanted = (torch.as_tensor(num_positives, device=keys.device) * ratio).floor().long() + len(candidates)
    count = wanted.clamp(max=candidates.sum())
    ordered, order = keys.sort(stable=True)
    if strict:
        return candidates & (background_probabilities < ordered[(count - 1).clamp(min=0)])
    is_selected = torch.arange(len(keys), device=keys.device) < count
    return torch.zeros_like(is_selected).scatter(0, order, is_selected).view_as(candidates)
