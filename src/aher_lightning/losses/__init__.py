"""Training objectives, one file each (equations 4, 6, 7 and 8 of the paper)."""

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.losses.released import ReleasedLocalizationLoss

__all__ = ["LocalizationLoss", "ReleasedLocalizationLoss"]
