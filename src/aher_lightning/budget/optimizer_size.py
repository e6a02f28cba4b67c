"""Memory of optimizer states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def optimizer_bytes(make: Callable[[list[nn.Parameter]], Any], parameters: Sequence[nn.Parameter]) -> int:
    """Return the memory of an optimizer's state.

    The optimizer takes one step on meta tensors; one that reads values takes it on zeros.

    Args:
        make: Makes the optimizer from parameters.
        parameters: What it will optimize; not changed.

    Returns:
        Bytes of its state.

    Example:
        >>> optimizer_bytes(torch.optim.Adam, [nn.Parameter(torch.zeros(100))])  # two averages and a count
        804
    """
    try:
        return _bytes_after_step(make, parameters, "meta")
    except RuntimeError:  # raised on reading the value of a meta tensor
        return _bytes_after_step(make, parameters, "cpu")


def _bytes_after_step(
    make: Callable[[list[nn.Parameter]], Any], parameters: Sequence[nn.Parameter], device: str
) -> int:
    """Size of the state after one step on copies."""
    copies = [nn.Parameter(torch.zeros_like(parameter, device=device)) for parameter in parameters]
    for copy in copies:
        copy.grad = torch.zeros_like(copy)
    optimizer = make(copies)
    optimizer.step()
    values = [value for state in optimizer.state.values() for value in state.values()]
    return sum(value.numel() * value.element_size() for value in values if isinstance(value, Tensor))
