"""The inputs and results of the reference losses of the released code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from jsonargparse import ArgumentParser
from torch import Tensor

from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_anchors import ANCHORS_PER_CELL, LEVELS
from tests.helpers.golden_fill import fill, golden_path

RELEASED_LOSSES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "released_losses.json").read_text()
)
NUM_VIDEOS = 16
NUM_CLASSES = 200


def released_loss(*, foreground: float = 0.8, background: float = 0.3, negative_ratio: float = 1.0) -> LocalizationLoss:
    """Return the loss that the shipped recipe of the released code makes, with other thresholds if wanted."""
    recipe = yaml.safe_load((configs_folder() / "recipes" / "released.yaml").read_text(encoding="utf-8"))
    options = recipe["model"]["init_args"]["loss"]
    options["init_args"]["matching"] |= {"foreground": foreground, "background": background}
    options["init_args"]["actionness"]["negative_ratio"] = negative_ratio
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(LocalizationLoss, "loss")
    loss: LocalizationLoss = parser.instantiate_classes(parser.parse_object({"loss": options})).loss
    return loss


def released_labels() -> Tensor:
    """Return the label of each video, int64 ``(16,)``."""
    with np.load(golden_path("tf", "02_encode.npz")) as reference:
        return torch.from_numpy(reference["gt_labels"]).long()


def released_outputs() -> LevelOutputs:
    """Return the outputs of the heads that the reference losses were computed from."""
    logits = _levels("logits", (NUM_CLASSES,), -4, 4, per_cell=1)
    return LevelOutputs(
        class_logits=logits.transpose(1, 2).contiguous(),
        offsets=_levels("loc", (2,), -3, 3),
        overlaps=_levels("iou", (), 0.02, 0.98),
        actionness=_levels("prop", (2,), -3, 3),
    )


def _levels(name: str, shape: tuple[int, ...], low: float, high: float, per_cell: int = ANCHORS_PER_CELL) -> Tensor:
    levels = [fill(f"loss_{name}_l{i}", (NUM_VIDEOS, n * per_cell, *shape), low, high) for i, n in LEVELS]
    return torch.cat([torch.from_numpy(level) for level in levels], dim=1)
