"""Checkpoints that localize actions in video files, without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.backbones.precomputed import PrecomputedFeatures
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.structures import Categories
from tests.helpers.toy import CATEGORIES, CHANNELS
from tests.helpers.training import quiet_trainer, small_contract, toy_localizer

BACKBONE: dict[str, Any] = {"stem_channels": 4, "stage_channels": [4, 4, CHANNELS]}
LEVEL_CHANNELS = [10, 10, 12, 12]
NETWORK = {
    "length": 32,
    "pyramid": {
        "class_path": "aher_lightning.models.pyramid.TemporalPyramid",
        "init_args": {"stem_channels": [12, 12], "level_channels": LEVEL_CHANNELS},
    },
}


def configuration(**init_args: Any) -> dict[str, Any]:
    """Return what the command line would have noted about :func:`small_localizer`."""
    return {
        "class_path": "aher_lightning.modules.localizer.LocalizerModule",
        "init_args": {
            "backbone": {"class_path": "aher_lightning.models.backbones.p3d_small.P3DSmall", "init_args": BACKBONE},
            "network": {"class_path": "aher_lightning.models.aher_net.AherNet", "init_args": NETWORK},
            "seed": 0,
            **init_args,
        },
    }


def small_localizer(categories: Categories = CATEGORIES) -> LocalizerModule:
    """Return a localizer with seeded weights, all of this package's classes."""
    return toy_localizer(categories, backbone=P3DSmall(**BACKBONE))


def checkpointed_localizer(
    folder: Path, categories: Categories = CATEGORIES, **contract: Any
) -> tuple[LocalizerModule, Path]:
    """Write the checkpoint of an untrained localizer that reads tiny pictures; return both."""
    module = small_localizer(categories)
    module.contract = small_contract(**contract)
    module.configuration = configuration()
    return module, write_module(folder, module)


def precomputed_localizer(folder: Path) -> Path:
    """Write the checkpoint of an untrained localizer of features that others made."""
    module = toy_localizer(CATEGORIES, backbone=PrecomputedFeatures(CHANNELS))
    module.contract = small_contract()
    name = "aher_lightning.models.backbones.precomputed.PrecomputedFeatures"
    module.configuration = configuration(backbone={"class_path": name, "init_args": {"channels": CHANNELS}})
    return write_module(folder, module)


def write_module(folder: Path, module: LocalizerModule) -> Path:
    """Write the checkpoint of a module, as after three iterations."""
    module.iteration = 3
    trainer = quiet_trainer(folder)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "last.ckpt")
    return folder / "last.ckpt"
