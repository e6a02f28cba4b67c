"""Training objectives, one file each (equations 4, 6, 7 and 8 of the paper)."""

from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions

__all__ = ["ActionnessOptions", "CellClassificationLoss", "MatchingOptions", "OffsetOptions", "OverlapOptions"]
