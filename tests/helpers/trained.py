"""Checkpoints that localize actions in video files, without any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.structures import Categories
from tests.helpers.toy import CATEGORIES
from tests.helpers.training import quiet_trainer, small_contract, toy_localizer

NETWORK = {"length": 32, "stem_channels": [12, 12], "level_channels": [10, 10, 12, 12]}


def configuration(**init_args: Any) -> dict[str, Any]:
    """Return what the command line would have noted about :func:`toy_localizer`."""
    return {
        "class_path": "aher_lightning.modules.localizer.LocalizerModule",
        "init_args": {
            "backbone": {"class_path": "tests.helpers.toy.MeanBackbone"},
            "network": {"class_path": "aher_lightning.models.aher_net.AherNet", "init_args": NETWORK},
            "seed": 0,
            **init_args,
        },
    }


def checkpointed_localizer(
    folder: Path, categories: Categories = CATEGORIES, **contract: Any
) -> tuple[LocalizerModule, Path]:
    """Write the checkpoint of an untrained localizer that reads tiny pictures; return both."""
    module = toy_localizer(categories)
    module.contract = small_contract(**contract)
    module.configuration = configuration()
    module.iteration = 3
    trainer = quiet_trainer(folder)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder / "last.ckpt")
    return module, folder / "last.ckpt"
