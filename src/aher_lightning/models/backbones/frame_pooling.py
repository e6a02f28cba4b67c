"""Pool the features of a clip's frames into one vector that shows motion as well as appearance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

FramePool = Literal["mean", "change", "trend"]
"""Mean over time; mean absolute difference of consecutive frames; mean of the last third minus that of the first."""

ALL_POOLS: tuple[FramePool, ...] = ("mean", "change", "trend")


def pool_frames(features: Tensor, pools: Sequence[FramePool] = ALL_POOLS) -> Tensor:
    """Return one vector per clip, the chosen pools next to each other.

    The mean shows what is there, the change how much moves, the trend in which direction: reversing a clip flips its
    sign and leaves the others. A third has at least one frame; one frame alone shows no motion, so that both are 0.

    Args:
        features: Features of the frames of clips, shape ``(N, F, C)``, F at least 1.
        pools: What to compute, at least one.

    Returns:
        Features of the clips, shape ``(N, len(pools) * C)``.

    Example:
        >>> pool_frames(torch.tensor([[[1.0], [2.0], [4.0]]])).tolist()
        [[2.3333332538604736, 1.5, 3.0]]
    """
    return torch.cat([_POOLS[pool](features) for pool in pools], dim=1)


def _mean(features: Tensor) -> Tensor:
    return features.mean(dim=1)


def _change(features: Tensor) -> Tensor:
    if features.shape[1] == 1:
        return torch.zeros_like(features[:, 0])
    return features.diff(dim=1).abs().mean(dim=1)


def _trend(features: Tensor) -> Tensor:
    third = max(features.shape[1] // 3, 1)
    return features[:, -third:].mean(dim=1) - features[:, :third].mean(dim=1)


_POOLS: Mapping[str, Callable[[Tensor], Tensor]] = {"mean": _mean, "change": _change, "trend": _trend}
