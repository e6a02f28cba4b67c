"""Averages the gradients of one phase over processes, in one message after its backward pass."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn


def average_gradients_over_processes(parameters: Sequence[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes; parameters are the same in the same order on all.

    A gradient missing on some processes counts as zero there; one missing on all stays missing.
    """
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if not trained or not (distributed.is_available() and distributed.is_initialized()):
        return
    world_size = distributed.get_world_size()
    if world_size == 1:
        return
    flat = _flatten(trained)
    distributed.all_reduce(flat)
    flat /= world_size
    has_gradient = flat[: len(trained)].tolist()
    parts = torch.split(flat[len(trained) :], [parameter.numel() for parameter in trained])
    for parameter, is_there, part in zip(trained, has_gradient, parts, strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.dtype) if is_there else None


def _flatten(parameters: Sequence[nn.Parameter]) -> Tensor:
    """Concatenate flags (1: has a gradient) and all gradients."""
    device = parameters[0].device
    flags = torch.tensor([float(parameter.grad is not None) for parameter in parameters], device=device)
    gradients = [torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in parameters]
    return torch.cat([flags, *(gradient.float().flatten() for gradient in gradients)])
