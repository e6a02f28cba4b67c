"""When backbones load the weights that they bring, and how these are read from files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

import safetensors
from safetensors.torch import load_file
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.public_weights import differing_weights, read_public_weights


class _Loading(NamedTuple):
    """Whether modules load the weights of their backbone, and whether anything may be downloaded."""

    loads_weights: bool = True
    may_download: bool = True


_ALWAYS = _Loading()
_LOADING: ContextVar[_Loading] = ContextVar("loading of own weights", default=_ALWAYS)


@contextmanager
def weights_come_later(*, offline: bool = False) -> Iterator[None]:
    """Build modules without the weights of their backbones meanwhile, as those of a checkpoint follow.

    Args:
        offline: Whether nothing may be downloaded either, not even the configuration of a network.
    """
    token = _LOADING.set(_Loading(loads_weights=False, may_download=not offline))
    try:
        yield
    finally:
        _LOADING.reset(token)


def loads_weights() -> bool:
    """Return whether modules load the weights of their backbone now."""
    return _LOADING.get().loads_weights


def may_download() -> bool:
    """Return whether a network may be asked for anything now."""
    return _LOADING.get().may_download


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read named tensors from a safetensors or PyTorch file, without executing code.

    Raises:
        CheckpointError: If the file is missing, or holds anything else.
    """
    if path.suffix != ".safetensors" or not path.is_file():
        return read_public_weights(path)
    try:
        return load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: is no safetensors file ({error}); fetch it again or fix the path") from None


def load_fitting(network: nn.Module, weights: Mapping[str, Tensor], origin: object) -> None:
    """Copy weights into a network that needs all of its own; others, such as a classifier's, are left out.

    Args:
        network: Receives them.
        weights: Named tensors.
        origin: Where they come from, for the message.

    Raises:
        CheckpointError: If a tensor is missing or has another shape.
    """
    wanted = network.state_dict()
    given = {name: value for name, value in weights.items() if name in wanted}
    difference = differing_weights(wanted, given)
    if difference is not None:
        raise CheckpointError(f"{origin}: are weights of another network: {difference}; give those of this one")
    network.load_state_dict(given, strict=False)  # batch counters may be missing
