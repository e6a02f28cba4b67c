"""Checkpoint files: read without executing code, written atomically, compared with an architecture."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError
from aher_lightning.files.atomic import atomic_file

_LOG = logging.getLogger(__name__)

STATE_KEY = "aher_lightning"
"""Our entry of a checkpoint: categories, contract, iteration, configuration."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Load a checkpoint without executing any code it may carry.

    Args:
        path: File written by ``aher fit``.

    Returns:
        The checkpoint, on the CPU.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything but tensors and plain values.
    """
    checkpoint = read_plain(path)
    if not isinstance(checkpoint, dict) or not {"state_dict", STATE_KEY} <= checkpoint.keys():
        raise CheckpointError(f"{path}: not a checkpoint of this package; give a file written by 'aher fit'")
    return cast("dict[str, Any]", checkpoint)


def is_own_checkpoint(path: Path) -> bool:
    """Tell whether a checkpoint was written by this package.

    Args:
        path: File of tensors and plain values.

    Returns:
        False for weights that others published.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything but tensors and plain values.
    """
    content = read_plain(path)
    return isinstance(content, dict) and STATE_KEY in content


def read_plain(path: Path) -> object:
    """Load a file of tensors and plain values, without executing any code it may carry.

    Args:
        path: File that ``torch.save`` wrote.

    Returns:
        Its content, on the CPU.

    Raises:
        CheckpointError: If the file is missing, damaged, or holds anything but tensors and plain values.
    """
    if path.is_dir():
        raise CheckpointError(
            f"{path}: is a folder, not a checkpoint file; to continue training from an exported folder, list it in "
            "'initial_weights'"
        )
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; train one with 'aher fit' or correct the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such files are refused below
            return cast("object", torch.load(path, map_location="cpu", weights_only=True))
    except MemoryError:
        raise
    except Exception as error:  # arbitrary bytes make the unpickler raise anything
        reason = "holds more than tensors and plain values" if isinstance(error, pickle.UnpicklingError) else "damaged"
        raise CheckpointError(f"{path}: not a readable checkpoint ({reason}); give a file of 'aher fit'") from error


def write_checkpoint(path: Path, checkpoint: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically and flush it to disk.

    Args:
        path: File to write or to replace; missing folders are made.
        checkpoint: Its content.

    Raises:
        CheckpointError: If the file cannot be written.
    """
    # torch raises RuntimeError for a disk that it cannot write to.
    with atomic_file(path, CheckpointError, also=(RuntimeError,)) as partial, partial.open("wb") as file:
        torch.save(dict(checkpoint), file)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace an existing checkpoint unless asked to.

    Args:
        path: Where a checkpoint is to be written.
        overwrite: Whether a file there may be replaced.

    Raises:
        CheckpointError: If something is there.
    """
    if path.is_dir():
        raise CheckpointError(f"{path}: is a folder; name a file for the new checkpoint")
    if path.exists() and not overwrite:
        raise CheckpointError(f"{path}: already exists; name another file, or add --overwrite to replace it")


def load_submodule(
    module: nn.Module,
    weights: Mapping[str, Tensor],
    prefix: str,
    origin: Path,
    *,
    replaceable: Collection[str] = (),
    others: Collection[str] = (),
) -> bool:
    """Copy the weights under a prefix into a module, if there are any.

    Args:
        module: Receives the weights; all of its tensors must be among them.
        weights: State dict of a whole checkpoint.
        prefix: Name of the sub-module in the checkpoint, without the dot.
        origin: The checkpoint's path, for messages.
        replaceable: Parts of the module that keep their own weights, with a warning, where the checkpoint has another
            part or none.
        others: Those of them that are other parts even if they look alike.

    Returns:
        Whether the checkpoint had weights under the prefix.

    Raises:
        CheckpointError: If names or shapes differ in another part.
    """
    found = {key[len(prefix) + 1 :]: value for key, value in weights.items() if key.startswith(f"{prefix}.")}
    if not found:
        return False
    own = module.state_dict()
    differing = {_part_of(key) for key in _differing_keys(own, found)}
    differing |= set(others) & {_part_of(key) for key in own}
    replaced = sorted(differing & set(replaceable))
    found = {key: value for key, value in found.items() if _part_of(key) not in replaced}
    found |= {key: value for key, value in own.items() if _part_of(key) in replaced}
    check_architecture(module, found, f"{origin}: '{prefix}'")
    if replaced:
        _LOG.warning(
            "%s: has no weights for this %s of '%s'; new ones are used", origin, " and ".join(replaced), prefix
        )
    module.load_state_dict(found)
    return True


def check_architecture(module: nn.Module, weights: Mapping[str, Tensor], origin: str) -> None:
    """Refuse weights that do not fit a module exactly.

    Args:
        module: The module that is to receive them.
        weights: State dict.
        origin: Where they come from, for the message.

    Raises:
        CheckpointError: If names or shapes differ.
    """
    own = module.state_dict()
    differing = _differing_keys(own, weights)
    if differing:
        raise CheckpointError(
            f"{origin} has another architecture than the configuration asks for "
            f"({len(differing)} of {len(own)} tensors differ, first '{differing[0]}')"
        )


def _differing_keys(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors that only one of two state dicts has, or that differ in shape."""
    return sorted(
        key
        for key in own.keys() | weights.keys()
        if key not in own or key not in weights or own[key].shape != weights[key].shape
    )


def _part_of(key: str) -> str:
    """The first part of a tensor's name, a direct child of its module."""
    return key.partition(".")[0]
