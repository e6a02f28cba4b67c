"""Mixed precision: what must stay in single precision, and when weights are cast."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor

_HALF_PRECISIONS = (torch.bfloat16, torch.float16)


def to_float32(values: Tensor) -> Tensor:
    """Return half-precision values of any shape as float32, all others unchanged.

    Mixed precision computes convolutions and matrix products in half precision. Logarithms, sums over many anchors
    and segment boundaries need more digits than the eight bits of bfloat16.

    Example:
        >>> [to_float32(torch.zeros(1, dtype=kind)).dtype for kind in (torch.bfloat16, torch.float64)]
        [torch.float32, torch.float64]
    """
    return values.float() if values.dtype in _HALF_PRECISIONS else values


def to_float16(values: Tensor) -> Tensor:
    """Return floating-point values of any shape as float16, clamped to its finite range; NaN stays.

    Example:
        >>> to_float16(torch.tensor([1e6, -1e6, 0.5]))
        tensor([ 6.5504e+04, -6.5504e+04,  5.0000e-01], dtype=torch.float16)
    """
    largest = torch.finfo(torch.float16).max
    return values.to(torch.float16).clamp(-largest, largest)  # clamped last: bfloat16 cannot represent the bound


@contextmanager
def fresh_casts() -> Generator[None, None, None]:
    """Disable the weight cache of autocast.

    It keeps half-precision copies to the end of an iteration: after an optimizer step within, they would be stale.
    """
    was_enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(was_enabled)
