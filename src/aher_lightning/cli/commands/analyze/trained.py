"""Checkpoints made ready to look at data, after the checks that training would have made."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.base import BaseModule
from aher_lightning.video.contract import PROVENANCE

Module = TypeVar("Module", bound=BaseModule)


def load_trained(path: Path, data: MixedDataModule, kind: type[Module], *, trust_plugins: bool = False) -> Module:
    """Return the module of a checkpoint, ready for the videos of a data module.

    It speaks of the categories that the data module evaluates, and runs on the accelerator if there is one.

    Args:
        path: File written by ``aher fit``.
        data: The videos.
        kind: Base class of the module.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Returns:
        The module, in evaluation mode.

    Raises:
        CheckpointError: If the file is no checkpoint of that kind, or was trained on other categories.
        ContractError: If the module and the data disagree about how frames become features.
    """
    module = load_module(path, trust_plugins=trust_plugins)
    if not isinstance(module, kind):
        raise CheckpointError(
            f"{path}: holds a {type(module).__name__}, where a {kind.__name__} is needed; give another checkpoint"
        )
    for name in ("untrimmed", "moment"):
        if getattr(module.categories, name) != getattr(data.categories, name):
            raise CheckpointError(f"{path}: was trained on other {name} categories than the data has; change either")
    contract = data.contract
    is_cached = data.features is not None and bool(contract.weights_sha256)
    ignored = set(PROVENANCE) - ({"weights_sha256"} if is_cached else set())
    module.require_contract().check_compatible(contract, ignore=ignored)
    module.categories = data.categories
    return module.to(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
