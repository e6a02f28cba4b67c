"""Lightning data modules that mix untrimmed, foreground and moment batches."""

from aher_lightning.datamodules.activitynet import ActivityNetDataModule
from aher_lightning.datamodules.rendered import RenderedDataModule

__all__ = ["ActivityNetDataModule", "RenderedDataModule"]
