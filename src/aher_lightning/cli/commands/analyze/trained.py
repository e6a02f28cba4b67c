"""Load a checkpoint for the videos of a data module, after the checks of training."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.device import choose_device
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.base import BaseModule
from aher_lightning.video.contract import GRID, PROVENANCE

Module = TypeVar("Module", bound=BaseModule)


def load_trained(path: Path, data: MixedDataModule, kind: type[Module], *, trust_plugins: bool = False) -> Module:
    """Return the module of a checkpoint, ready for the videos of a data module.

    Its categories are those that the data module evaluates; it is on the accelerator if there is one.

    Args:
        path: File written by ``aher fit``.
        data: The videos.
        kind: Base class of the module.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        CheckpointError: If the module is of another kind, or was trained on other categories.
        ContractError: If the module and the data disagree about how frames become features.
    """
    module = load_module(path, trust_plugins=trust_plugins)
    if not isinstance(module, kind):
        raise CheckpointError(
            f"{path}: holds a {type(module).__name__}, but a {kind.__name__} is needed; give another checkpoint"
        )
    for name in ("untrimmed", "moment"):
        if getattr(module.categories, name) != getattr(data.categories, name):
            raise CheckpointError(f"{path}: was trained on other {name} categories than the data has; change either")
    contract = data.contract
    is_cached = data.features is not None and bool(contract.weights_sha256)
    compared = {"weights_sha256", "backbone_options"} if is_cached else set()
    ignored = {*PROVENANCE, *(() if module.depends_on_grid else GRID)} - compared
    module.require_contract().check_compatible(contract, ignore=ignored, where=("in the checkpoint", "in the data"))
    module.categories = data.categories
    return module.to(choose_device("auto"))
