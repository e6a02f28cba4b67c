"""The inputs and results of the reference losses of the released code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.losses.released import ReleasedLocalizationLoss
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_anchors import ANCHORS_PER_CELL, LEVELS
from tests.helpers.golden_fill import fill, golden_path

RELEASED_LOSSES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "released_losses.json").read_text()
)
NUM_VIDEOS = 16
NUM_CLASSES = 200


def released_loss(**options: float) -> LocalizationLoss:
    """Return the loss that the released code minimizes; options are thresholds and the ratio of negatives."""
    return ReleasedLocalizationLoss(**options)


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
