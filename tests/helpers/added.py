"""Checkpoints that remember moments, and folders of clips of new categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.structures import Categories
from tests.helpers.toy import CATEGORIES
from tests.helpers.trained import NETWORK, checkpointed_localizer
from tests.helpers.videos import VideoSpec, write_video


def remembering_checkpoint(folder: Path, categories: Categories = CATEGORIES) -> Path:
    """Write the checkpoint of an untrained localizer with a memory of random moments."""
    path = checkpointed_localizer(folder, categories)[1]
    checkpoint: dict[str, Any] = torch.load(path)
    generator = torch.Generator().manual_seed(0)
    features = [torch.rand(30, width, generator=generator).half() for width in NETWORK["level_channels"]]  # type: ignore[attr-defined]
    checkpoint[STATE_KEY][FEATURE_BANK_KEY] = {
        "features": features,
        "labels": torch.arange(30) % len(categories.moment),
    }
    torch.save(checkpoint, path)
    return path


def write_clips(root: Path, **counts: int) -> Path:
    """Write short clips of some categories."""
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            spec = VideoSpec(num_frames=12 + number, first_number=50 * place)
            write_video(root / name / f"{number}.mp4", spec)
    return root
