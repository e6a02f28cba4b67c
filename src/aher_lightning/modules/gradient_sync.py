"""Gradients averaged over processes: those of one phase, in one message, when its backward pass is done."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn


def average_gradients_over_processes(parameters: Sequence[nn.Parameter]) -> None:
    """Replace the gradients of parameters by their means over all processes.

    A parameter that has a gradient on some processes only counts as zero on the others; one without any stays without.
    All gradients travel as one tensor, so there is one message per backward pass, and none about other parameters.

    Args:
        parameters: The same ones in the same order on all processes.
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
    """Which parameters have a gradient, as 0 and 1, followed by all gradients."""
    device = parameters[0].device
    flags = torch.tensor([float(parameter.grad is not None) for parameter in parameters], device=device)
    gradients = [torch.zeros_like(parameter) if parameter.grad is None else parameter.grad for parameter in parameters]
    return torch.cat([flags, *(gradient.float().flatten() for gradient in gradients)])
