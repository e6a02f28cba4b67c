"""Checkpoint files: read without executing code, written atomically, compared with an architecture."""

from __future__ import annotations

import os
import pickle
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError

_PARTIAL_SUFFIX = ".tmp"
"""Suffix of a checkpoint that is being written."""

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
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}{_PARTIAL_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                torch.save(dict(checkpoint), file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # torch raises RuntimeError when it cannot write
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: cannot be written ({reason:.100}); choose another place") from None


def remove_partial_checkpoints(folder: Path) -> list[Path]:
    """Remove partial files of killed writers; call it only while no process is writing.

    Args:
        folder: Folder of checkpoints; may be missing.

    Returns:
        The removed files.
    """
    found = sorted(folder.glob(f".*.ckpt.*{_PARTIAL_SUFFIX}"))
    for path in found:
        path.unlink(missing_ok=True)
    return found


def _sync_folder(folder: Path) -> None:
    """Flush the directory entry, where the system lets a program do so."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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


def load_submodule(module: nn.Module, weights: Mapping[str, Tensor], prefix: str, origin: Path) -> bool:
    """Copy the weights under a prefix into a module, if there are any.

    Args:
        module: Receives the weights; all of its tensors must be among them.
        weights: State dict of a whole checkpoint.
        prefix: Name of the sub-module in the checkpoint, without the dot.
        origin: The checkpoint's path, for messages.

    Returns:
        Whether the checkpoint had weights under the prefix.

    Raises:
        CheckpointError: If names or shapes differ.
    """
    part = {key[len(prefix) + 1 :]: value for key, value in weights.items() if key.startswith(f"{prefix}.")}
    if not part:
        return False
    check_architecture(module, part, f"{origin}: '{prefix}'")
    module.load_state_dict(part)
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
    differing = sorted(
        key
        for key in own.keys() | weights.keys()
        if key not in own or key not in weights or own[key].shape != weights[key].shape
    )
    if differing:
        raise CheckpointError(
            f"{origin} has another architecture than the configuration asks for "
            f"({len(differing)} of {len(own)} tensors differ, first '{differing[0]}')"
        )
