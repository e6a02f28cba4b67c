"""The inputs and results of the reference losses of the released code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from jsonargparse import ArgumentParser
from torch import Tensor

from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.base import Head
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_anchors import ANCHORS_PER_CELL, LEVEL_LENGTHS, LEVELS
from tests.helpers.golden_fill import fill, golden_path

RELEASED_LOSSES: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "golden" / "released_losses.json").read_text()
)
NUM_VIDEOS = 16
NUM_CLASSES = 200


def released_head(
    level_lengths: Sequence[int] = LEVEL_LENGTHS,
    *,
    foreground: float = 0.8,
    background: float = 0.3,
    negative_ratio: float = 1.0,
) -> AnchorHead:
    """Return the head that the shipped recipe of the released code makes, with other thresholds if wanted."""
    options = _recipe()["network"]["init_args"]["head"]
    options["init_args"]["matching"] |= {"foreground": foreground, "background": background}
    options["init_args"]["actionness"]["negative_ratio"] = negative_ratio
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--head", type=Callable[[Sequence[int], Sequence[int]], Head])
    head = parser.instantiate_classes(parser.parse_object({"head": options})).head(
        [1] * len(level_lengths), level_lengths
    )
    assert isinstance(head, AnchorHead)
    return head


def released_classification() -> CellClassificationLoss:
    """Return the classification loss of cells that the shipped recipe of the released code makes."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(CellClassificationLoss, "loss")
    loss: CellClassificationLoss = parser.instantiate_classes(parser.parse_object({"loss": _recipe()["loss"]})).loss
    return loss


def _recipe() -> dict[str, Any]:
    recipe = yaml.safe_load((configs_folder() / "recipes" / "released.yaml").read_text(encoding="utf-8"))
    options: dict[str, Any] = recipe["model"]["init_args"]
    return options


def released_labels() -> Tensor:
    """Return the label of each video, int64 ``(16,)``."""
    with np.load(golden_path("tf", "02_encode.npz")) as reference:
        return torch.from_numpy(reference["gt_labels"]).long()


def released_outputs() -> LevelOutputs:
    """Return the outputs of the heads that the reference losses were computed from."""
    logits = _levels("logits", (NUM_CLASSES,), -4, 4, per_cell=1)
    return LevelOutputs(
        class_logits=logits.transpose(1, 2).contiguous(),
        head={
            "offsets": _levels("loc", (2,), -3, 3),
            "overlaps": _levels("iou", (), 0.02, 0.98),
            "actionness": _levels("prop", (2,), -3, 3),
        },
    )


def _levels(name: str, shape: tuple[int, ...], low: float, high: float, per_cell: int = ANCHORS_PER_CELL) -> Tensor:
    levels = [fill(f"loss_{name}_l{i}", (NUM_VIDEOS, n * per_cell, *shape), low, high) for i, n in LEVELS]
    return torch.cat([torch.from_numpy(level) for level in levels], dim=1)
