"""Rebuild the module of a checkpoint, without executing code from the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from jsonargparse import ArgumentError, ArgumentParser

from aher_lightning.checkpoints.class_paths import check_class_paths
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.pretrained_folder import locate, read_trained
from aher_lightning.checkpoints.stored_backbone import restore_backbone
from aher_lightning.errors import AherError, CheckpointError, first_cause
from aher_lightning.models.backbones.own_weights import weights_come_later
from aher_lightning.modules.base import BaseModule


def load_module(path: Path, *, trust_plugins: bool = False) -> BaseModule:
    """Return the trained module of a checkpoint, in evaluation mode on the CPU.

    Classes must be subclasses of the bases that the module's constructor requires. A file that names classes outside
    this package is refused unless its plug-ins are trusted, see :func:`check_class_paths`.

    Args:
        path: File written by ``aher fit``, folder of ``aher export --format safetensors``, or ``hf://user/model``.
        trust_plugins: Whether classes of other installed packages may be imported and run.

    Raises:
        CheckpointError: If the file is not such a checkpoint, or names classes that are not installed or trusted.
    """
    path = locate(path)  # so that messages name a place on this machine
    checkpoint = read_trained(path)
    state = checkpoint[STATE_KEY]
    with _explain(path):
        configuration = _configuration(state)
    if not trust_plugins:
        check_class_paths(configuration, path)
    with _explain(path), weights_come_later(offline=True):
        module = _instantiate(configuration, state["categories"])
    restore_backbone(checkpoint, module.backbone, path)
    with _explain(path):
        # First, as it resizes the module for categories that were added after training.
        module.on_load_checkpoint(checkpoint)
        module.load_state_dict(checkpoint["state_dict"])
    return module.eval()


@contextmanager
def _explain(path: Path) -> Iterator[None]:
    """Report in one line why the module of a checkpoint cannot be rebuilt."""
    try:
        yield
    except (ArgumentError, AttributeError, AherError, KeyError, RuntimeError, TypeError, ValueError) as error:
        text = " ".join(str(_reason(error)).split())
        reason = f"it lacks {text}" if isinstance(error, KeyError) else text
        raise CheckpointError(
            f"{path}: cannot rebuild its module ({reason:.300}); give a file of 'aher fit', and install what it "
            "was trained with"
        ) from error


def _reason(error: BaseException) -> BaseException:
    """The error that says most: one of ours that a constructor raised, or the first of those that the parser chains."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AherError):
        cause = cause.__cause__
    return cause or (first_cause(error) if isinstance(error, ArgumentError) else error)


def _configuration(state: Mapping[str, Any]) -> dict[str, Any]:
    """Class path and arguments of the module, without the weights that it was initialized with."""
    configuration = state["configuration"]
    if not configuration:
        raise ValueError("it was trained without the command line")
    # Earlier weights are in this checkpoint already; their files may be gone.
    return {**configuration, "init_args": {**configuration["init_args"], "initial_weights": []}}


def _instantiate(configuration: Mapping[str, Any], categories: object) -> BaseModule:
    """Make the module that a checkpoint describes, without its weights."""
    own = {"categories": {"class_path": "aher_lightning.structures.Categories", "init_args": categories}}
    wanted = {**configuration, "init_args": {**configuration["init_args"], **own}}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(BaseModule, "model")
    return cast("BaseModule", parser.instantiate_classes(parser.parse_object({"model": wanted})).model)
