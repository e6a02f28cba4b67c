"""The anchors and targets that the reference numbers of the released code speak of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.helpers.golden_fill import golden_path

LEVEL_LENGTHS = (128, 64, 32, 16, 8, 4, 2, 1)
ANCHORS_PER_CELL = 3
STEPS = 512
CLIP_TO = (0.0, 511 / STEPS)
LEVELS = tuple(enumerate(LEVEL_LENGTHS, start=1))


def released_anchors() -> Tensor:
    """Return the 765 anchors ``(centre, width)`` of the released code, normalized, by their formula."""
    anchors = []
    for length in LEVEL_LENGTHS:
        centres = (torch.arange(length) + 0.5) / length
        widths = torch.tensor([1.0, 1.26, 1.587]) / length  # the released code rounds 2**(1/3) and 2**(2/3)
        anchors.append(torch.cartesian_prod(centres, widths))
    return torch.cat(anchors)


def concatenate_levels(path: Path, key: str, values_per_anchor: int = 1) -> Tensor:
    """Return the arrays ``KEY_1 .. KEY_8`` of a reference file, all anchors in order, ``(B, A[, values])``."""
    with np.load(path) as reference:
        levels = [torch.from_numpy(reference[f"{key}_{level}"]) for level, _ in LEVELS]
    shape = (len(levels[0]), -1) if values_per_anchor == 1 else (len(levels[0]), -1, values_per_anchor)
    return torch.cat([level.reshape(shape) for level in levels], dim=1)


def released_segments() -> tuple[Tensor, Tensor]:
    """Return the ground truth of the reference targets: normalized ``(16, 25, 2)`` and what is real ``(16, 25)``."""
    with np.load(golden_path("tf", "02_encode.npz")) as reference:
        segments = torch.from_numpy(reference["gt_segments"])
    return segments / STEPS, segments[..., 1] >= 0
