"""Anchors: the default segments that the cells of the pyramid levels stand for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def generate_anchors(level_lengths: Sequence[int], scale_ratios: Sequence[float]) -> Tensor:
    """Return the default segments of all cells, level after level.

    The cells of a level share the video evenly; a cell has one anchor per scale ratio, next to each other.

    Implements Eq. 3 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705.

    Args:
        level_lengths: Number of cells ``n_j`` of each level.
        scale_ratios: Anchor widths in units of a cell, R of them.

    Returns:
        Anchors ``(centre, width)``, normalized, shape ``(A, 2)`` with ``A = sum_j n_j * R``.

    Raises:
        ValueError: If a level has no cells or a ratio is not positive.

    Example:
        >>> generate_anchors([2], [1.0, 1.5])
        tensor([[0.2500, 0.5000],
                [0.2500, 0.7500],
                [0.7500, 0.5000],
                [0.7500, 0.7500]])
    """
    if any(length < 1 for length in level_lengths) or any(ratio <= 0 for ratio in scale_ratios):
        raise ValueError(f"levels need cells and ratios must be positive, got {level_lengths} and {scale_ratios}")
    levels = []
    for length in level_lengths:
        centres = (torch.arange(length, dtype=torch.float64) + 0.5) / length
        widths = torch.tensor(scale_ratios, dtype=torch.float64) / length
        levels.append(torch.cartesian_prod(centres, widths).reshape(-1, 2))
    return torch.cat(levels).float()
