"""Layouts of instances that are pasted into a video: where they lie, how they blend in, what is left as background."""

from __future__ import annotations

import torch
from torch import Tensor


def place_instances(widths: Tensor, gaps: Tensor) -> Tensor:
    """Lay instances one after another into a video, with gaps before, between and after them.

    Args:
        widths: Part of the video that each instance takes, shape ``(B, G)``, of sum at most 1; 0 marks padding, which
            comes last.
        gaps: Relative sizes of the gaps, positive, ``(B, G + 1)``; they share what the instances leave. Those after
            padding are ignored.

    Returns:
        Segments ``(start, end)``, normalized, ``(B, G, 2)``; padding is empty.

    Example:
        >>> place_instances(torch.tensor([[0.25, 0.25]]), torch.tensor([[1.0, 2.0, 1.0]])).tolist()
        [[[0.125, 0.375], [0.625, 0.875]]]
    """
    is_real = widths > 0
    counted = gaps * torch.cat([torch.ones_like(is_real[:, :1]), is_real], dim=1)
    shares = counted / counted.sum(dim=1, keepdim=True) * (1 - widths.sum(dim=1, keepdim=True))
    ends = (shares[:, :-1] + widths).cumsum(dim=1)
    return torch.stack([ends - widths, ends], dim=-1)


def action_weights(segments: Tensor, ramps: Tensor, length: int) -> Tensor:
    """Return how much of each time step is action, blending linearly at both ends of an instance.

    Half a ramp lies on either side of an end, where the weight is one half.

    Args:
        segments: ``(start, end)``, normalized, shape ``(B, G, 2)``; empty ones count nowhere.
        ramps: Width of a ramp, normalized, positive, ``(B,)``.
        length: Time steps T.

    Returns:
        Weight of each instance at the centre of each step, in ``[0, 1]``, shape ``(B, G, T)``.

    Example:
        >>> action_weights(torch.tensor([[[0.25, 0.75]]]), torch.tensor([0.5]), 4)
        tensor([[[0.2500, 0.7500, 0.7500, 0.2500]]])
    """
    centres = step_centres(length, segments)
    starts, ends = segments.unsqueeze(2).unbind(dim=-1)  # (B, G, 1)
    inside = torch.minimum(centres - starts, ends - centres) / ramps.view(-1, 1, 1)
    return (inside + 0.5).clamp(0, 1) * (ends > starts)


def background_steps(segments: Tensor, labels: Tensor, length: int) -> Tensor:
    """Return which time steps have their centre outside all instances.

    Args:
        segments: ``(start, end)``, normalized, shape ``(B, G, 2)``; G may be 0.
        labels: Categories, int64 ``(B, G)``; -1 marks padding.
        length: Time steps T.

    Returns:
        Mask, bool ``(B, T)``.

    Example:
        >>> background_steps(torch.tensor([[[0.25, 0.75]]]), torch.tensor([[0]]), 4)
        tensor([[ True, False, False,  True]])
    """
    centres = step_centres(length, segments)
    starts, ends = segments.unsqueeze(2).unbind(dim=-1)
    is_inside = (centres >= starts) & (centres <= ends) & (labels >= 0).unsqueeze(-1)
    return ~is_inside.any(dim=1)


def cycle_steps(mask: Tensor, shifts: Tensor) -> Tensor:
    """Fill all time steps with the chosen ones in their order, from one of them on and again from the first.

    Args:
        mask: Chosen steps, at least one in every row, bool ``(B, T)``.
        shifts: Where to begin, as a fraction of the chosen steps in ``[0, 1)``, ``(B,)``.

    Returns:
        Steps, int64 ``(B, T)``.

    Example:
        >>> cycle_steps(torch.tensor([[True, False, False, True, True]]), torch.tensor([0.5]))
        tensor([[3, 4, 0, 3, 4]])
    """
    counts = mask.sum(dim=1, keepdim=True)
    chosen = (~mask).byte().argsort(dim=1, stable=True)  # chosen steps first, in their order
    numbers = torch.arange(mask.shape[1], device=mask.device) + (shifts.unsqueeze(1) * counts).long()
    return chosen.gather(1, numbers % counts)


def step_centres(length: int, like: Tensor) -> Tensor:
    """Return the centres of time steps, normalized, ``(T,)``, of the type and on the device of another tensor.

    Example:
        >>> step_centres(2, torch.zeros(1))
        tensor([0.2500, 0.7500])
    """
    return (torch.arange(length, dtype=like.dtype, device=like.device) + 0.5) / length
