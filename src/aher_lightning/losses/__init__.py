"""Training objectives, one file each (equations 4, 6, 7 and 8 of the paper)."""

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.losses.options import (
    ActionnessOptions,
    ClassificationOptions,
    MatchingOptions,
    OffsetOptions,
    OverlapOptions,
)

__all__ = [
    "ActionnessOptions",
    "ClassificationOptions",
    "LocalizationLoss",
    "MatchingOptions",
    "OffsetOptions",
    "OverlapOptions",
]
