"""Checkpoints that localize actions in video files, without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.structures import Categories
from tests.helpers.toy import CATEGORIES, CHANNELS
from tests.helpers.training import quiet_trainer, small_contract, toy_localizer

BACKBONE: dict[str, Any] = {"stem_channels": 4, "stage_channels": [4, 4, CHANNELS]}
NETWORK = {"length": 32, "stem_channels": [12, 12], "level_channels": [10, 10, 12, 12]}


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
    module.iteration = 3
    trainer = quiet_trainer(folder)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "last.ckpt")
    return module, folder / "last.ckpt"
