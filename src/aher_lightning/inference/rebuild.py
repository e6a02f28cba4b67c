"""From a checkpoint file to the module that wrote it, without executing anything the file brings along."""

from __future__ import annotations

from pathlib import Path
from typing import cast

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
    state = checkpoint[STATE_KEY]
    configuration = state["configuration"]
    if not configuration:
        raise CheckpointError(f"{path}: has no configuration to rebuild the module from; train it with 'aher fit'")
    categories = {"class_path": "aher_lightning.structures.Categories", "init_args": state["categories"]}
    own = {"categories": categories, "initial_weights": []}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(BaseModule, "model")
    try:
        wanted = {**configuration, "init_args": {**configuration["init_args"], **own}}
        module = cast("BaseModule", parser.instantiate_classes(parser.parse_object({"model": wanted})).model)
        module.load_state_dict(checkpoint["state_dict"])
    except (ArgumentError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path}: cannot rebuild its module ({reason}); install what it was trained with"
        ) from error
    module.on_load_checkpoint(checkpoint)
    return module.eval()
