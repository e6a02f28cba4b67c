"""Activation checkpointing for a loop over chunks: gradients by computing one chunk after the other once more."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm

from aher_lightning.ops.precision import fresh_casts

Part = slice | Tensor
"""Which rows of a tensor run through the network at once: a range of them, or their indices."""

Encoding = Callable[[Tensor, Part], Tensor]
"""Computes the features of some rows."""


def encode_recomputed(network: nn.Module, encode: Encoding, rows: Tensor, parts: Sequence[Part]) -> Tensor:
    """Return the features of rows, part after part, whose activations are computed once more for the gradients.

    Between forward and backward pass nothing is kept but the rows and the features. The recomputation sees the
    random numbers and the mixed precision of the first computation and leaves the statistics of batch norm
    alone. In place of ``torch.utils.checkpoint`` for each part: the thousands of small objects of its graphs
    scatter over the memory that activations leave behind, which then fits no further ones and grows with the
    number of parts.

    Args:
        network: Owner of all weights that gradients shall reach; none reach the rows.
        encode: Computes the features of some of the rows.
        rows: Input, shape ``(N, ...)``.
        parts: Which rows are computed at once, at least one part.

    Returns:
        Features of the parts, one after another, shape ``(sum of the parts, C)``.
    """
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return cast("Tensor", _Recomputed.apply(network, encode, rows, parts, *weights))  # type: ignore[no-untyped-call]


class _Recomputed(Function):
    """Features of all parts, their gradients by recomputation."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        network: nn.Module,
        encode: Encoding,
        rows: Tensor,
        parts: Sequence[Part],
        *weights: Tensor,
    ) -> Tensor:
        ctx.network, ctx.encode, ctx.parts = network, encode, parts
        ctx.save_for_backward(rows, *weights)
        device = rows.device.type
        ctx.precision = (device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device))
        ctx.random_states, features = [], []
        with fresh_casts():  # casts without gradients must not be found by the recomputation
            for part in parts:
                ctx.random_states.append(_random_state(rows.device))
                features.append(encode(rows, part))
        ctx.counts = [len(one) for one in features]
        return torch.cat(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        rows, *weights = ctx.saved_tensors
        total: list[Tensor | None] = [None] * len(weights)
        pieces = zip(ctx.parts, ctx.random_states, torch.split(gradient, ctx.counts), strict=True)
        devices = [rows.device] if _has_generator(rows.device) else []
        with torch.random.fork_rng(devices, device_type=rows.device.type), _paused_statistics(ctx.network):
            for part, state, piece in reversed(list(pieces)):  # the order in which a graph goes back
                _restore_random_state(state, rows.device)
                with torch.enable_grad(), _autocast(*ctx.precision):
                    features = ctx.encode(rows, part)
                found = torch.autograd.grad(features, weights, piece, allow_unused=True)
                total = [_add(*pair) for pair in zip(total, found, strict=True)]
        return (None, None, None, None, *total)


def _add(total: Tensor | None, gradient: Tensor | None) -> Tensor | None:
    """Return the sum of gradients, of which each may be absent; the total is overwritten."""
    if total is None or gradient is None:
        return gradient if total is None else total
    return total.add_(gradient)


def _autocast(device: str, dtype: torch.dtype, is_enabled: bool) -> torch.autocast:
    """Mixed precision as it was."""
    return torch.autocast(device, dtype=dtype, enabled=is_enabled, cache_enabled=False)


def _has_generator(device: torch.device) -> bool:
    """Whether a device has a generator of its own whose state can be set for it alone."""
    return device.type not in ("cpu", "mps")


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return the states of the generators that a network may use, of the CPU and of its device."""
    on_device = torch.get_device_module(device).get_rng_state(device) if _has_generator(device) else None
    return torch.get_rng_state(), on_device


def _restore_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Set the generators back."""
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.get_device_module(device).set_rng_state(state[1], device)


@contextmanager
def _paused_statistics(network: nn.Module) -> Generator[None, None, None]:
    """Keep running statistics from counting the same batch again when it is recomputed."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.training]
    kept = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, counter in kept:
            norm.momentum = momentum
            norm.num_batches_tracked = counter
