"""Activation checkpointing for a loop over chunks: the backward pass recomputes one chunk at a time."""

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
"""The rows of a tensor that run through the network at once: a range or indices."""

Encoding = Callable[[Tensor, Part], Tensor]
"""Computes the features of some rows."""


def encode_recomputed(network: nn.Module, encode: Encoding, rows: Tensor, parts: Sequence[Part]) -> Tensor:
    """Return the features of rows, part after part, recomputing activations in the backward pass.

    Between the passes only the rows and the features are kept. The recomputation uses the random numbers and the
    mixed precision of the forward pass and does not update the statistics of batch norm. Replaces
    ``torch.utils.checkpoint`` per part, whose graphs of thousands of small objects fragment memory: it then grows
    with the number of parts.

    Args:
        network: Owner of all weights that get gradients; the rows get none.
        encode: Computes the features of some of the rows.
        rows: Input, shape ``(N, ...)``.
        parts: Rows computed at once, at least one part.

    Returns:
        Features of the parts, concatenated, shape ``(sum of the parts, C)``.
    """
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    return cast("Tensor", _Recomputed.apply(network, encode, rows, parts, *weights))  # type: ignore[no-untyped-call]


class _Recomputed(Function):
    """Features of all parts, with gradients by recomputation."""

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
        with fresh_casts():  # the recomputation must not reuse casts without gradients
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
            for part, state, piece in reversed(list(pieces)):  # the order of a backward pass
                _restore_random_state(state, rows.device)
                device, dtype, is_enabled = ctx.precision
                with torch.enable_grad(), torch.autocast(device, dtype, is_enabled, cache_enabled=False):
                    features = ctx.encode(rows, part)
                found = torch.autograd.grad(features, weights, piece, allow_unused=True)
                total = [_add(*pair) for pair in zip(total, found, strict=True)]
        return (None, None, None, None, *total)


def _add(total: Tensor | None, gradient: Tensor | None) -> Tensor | None:
    """Add gradients, either of which may be absent, into the total."""
    if total is None or gradient is None:
        return gradient if total is None else total
    return total.add_(gradient)


def _has_generator(device: torch.device) -> bool:
    """Whether a device has a random generator of its own."""
    return device.type not in ("cpu", "mps")


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return the states of the generators of the CPU and of the device."""
    on_device = torch.get_device_module(device).get_rng_state(device) if _has_generator(device) else None
    return torch.get_rng_state(), on_device


def _restore_random_state(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Restore the generators of the CPU and of the device."""
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.get_device_module(device).set_rng_state(state[1], device)


@contextmanager
def _paused_statistics(network: nn.Module) -> Generator[None, None, None]:
    """Keep batch norm from updating its statistics with a recomputed batch."""
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
