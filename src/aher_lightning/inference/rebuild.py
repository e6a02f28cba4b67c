"""From a checkpoint file to the module that wrote it, without executing anything the file brings along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from jsonargparse import ArgumentError, ArgumentParser

from aher_lightning.errors import CheckpointError
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.checkpoint import STATE_KEY, read_checkpoint


def load_module(path: Path) -> BaseModule:
    """Return the trained module of a checkpoint, in evaluation mode on the CPU.

    Classes are looked up by name among the installed packages and must be subclasses of the bases that
    the module's constructor asks for; plug-ins outside this package are restored if they are installed.

    Args:
        path: File written by ``aher fit``.

    Returns:
        The module, with its weights, categories and temporal contract.

    Raises:
        CheckpointError: If the file is no such checkpoint, or asks for classes that are not installed.
    """
    checkpoint = read_checkpoint(path)
    try:
        module = _instantiate(checkpoint[STATE_KEY])
        # First, as it makes room for categories that were added after training.
        module.on_load_checkpoint(checkpoint)
        module.load_state_dict(checkpoint["state_dict"])
    except (ArgumentError, AttributeError, CheckpointError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # The parser lists what it tried before it says what went wrong.
        text = " ".join(str(error).split()).rpartition("Errors: - ")[2]
        reason = f"it lacks {text}" if isinstance(error, KeyError) else text
        raise CheckpointError(
            f"{path}: cannot rebuild its module ({reason:.200}); give a file of 'aher fit', and install what it "
            "was trained with"
        ) from error
    return module.eval()


def _instantiate(state: Mapping[str, Any]) -> BaseModule:
    """Make the module that a checkpoint describes, without its weights."""
    configuration = state["configuration"]
    if not configuration:
        raise ValueError("it was trained without the command line")
    categories = {"class_path": "aher_lightning.structures.Categories", "init_args": state["categories"]}
    # Earlier weights are in this checkpoint already; their files may be gone.
    own = {"categories": categories, "initial_weights": []}
    wanted = {**configuration, "init_args": {**configuration["init_args"], **own}}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(BaseModule, "model")
    return cast("BaseModule", parser.instantiate_classes(parser.parse_object({"model": wanted})).model)
