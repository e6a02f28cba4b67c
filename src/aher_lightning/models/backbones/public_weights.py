"""Weights that others published: reading them without running their code, and saying what does not fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from aher_lightning.errors import CheckpointError

_PREFIX = "module."
"""What data-parallel training of the time put before every name."""
_COUNTER = ".num_batches_tracked"
"""Buffers of batch norm that checkpoints from before PyTorch 0.4.1 do not have."""


def read_public_weights(path: Path) -> dict[str, Tensor]:
    """Load a state dict, plain or under "state_dict", without executing anything the file may carry.

    Args:
        path: File written by ``torch.save``.

    Returns:
        Tensors by name, on the CPU, without the prefix "module.".

    Raises:
        CheckpointError: If the file is missing or holds no state dict.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; download the public weights or correct the path")
    try:
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: no PyTorch checkpoint of tensors ({type(error).__name__}); download it again or correct the path"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not content or not all(isinstance(value, Tensor) for value in content.values()):
        raise CheckpointError(f"{path}: holds no state dict; give named tensors, plain or under 'state_dict'")
    return {str(key).removeprefix(_PREFIX): value for key, value in content.items()}


def differing_weights(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str | None:
    """Return how two state dicts differ in names and shapes, in half a line.

    Args:
        wanted: State dict of the network.
        given: State dict of the checkpoint; batch counters may be missing.

    Returns:
        The difference, or ``None`` if the checkpoint fits.

    Example:
        >>> differing_weights({"a": torch.zeros(2)}, {"a": torch.zeros(3)})
        "'a' has shape (3,) instead of (2,)"
    """
    missing = [key for key in wanted if key not in given and not key.endswith(_COUNTER)]
    if missing:
        return f"{len(missing)} of {len(wanted)} tensors are missing, first '{missing[0]}'"
    surplus = [key for key in given if key not in wanted]
    if surplus:
        return f"{len(surplus)} tensors too many, first '{surplus[0]}'"
    for key, value in wanted.items():
        if key in given and given[key].shape != value.shape:
            return f"'{key}' has shape {tuple(given[key].shape)} instead of {tuple(value.shape)}"
    return None
