"""Mixed precision: what must be computed in single precision, and with which weights."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

_HALF_PRECISIONS = (torch.bfloat16, torch.float16)


def to_float32(values: Tensor) -> Tensor:
    """Return values of half precision in single precision, all others as they are.

    Mixed precision computes convolutions and matrix products in half precision. What comes after them
    (logarithms, sums over many anchors, segment boundaries) needs more digits than the eight bits of bfloat16.

    Args:
        values: Any shape and type.

    Returns:
        The values, float32 in place of bfloat16 and float16; the same shape.

    Example:
        >>> [to_float32(torch.zeros(1, dtype=kind)).dtype for kind in (torch.bfloat16, torch.float64)]
        [torch.float32, torch.float64]
    """
    return values.float() if values.dtype in _HALF_PRECISIONS else values


def to_float16(values: Tensor) -> Tensor:
    """Return values in half precision, those that it cannot hold as the largest and smallest that it can.

    Args:
        values: Any shape and floating-point type.

    Returns:
        The values, float16, finite unless they are no numbers; the same shape.

    Example:
        >>> to_float16(torch.tensor([1e6, -1e6, 0.5]))
        tensor([ 6.5504e+04, -6.5504e+04,  5.0000e-01], dtype=torch.float16)
    """
    largest = torch.finfo(torch.float16).max
    return values.to(torch.float16).clamp(-largest, largest)  # the bound itself is beyond what bfloat16 can hold


@contextmanager
def fresh_casts() -> Generator[None, None, None]:
    """Let mixed precision cast weights anew wherever it needs them.

    Autocast keeps the half-precision copy of a weight to the end of an iteration. Where an optimizer steps within
    the iteration, all that follows would be computed with the old weights.
    """
    was_enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(was_enabled)
