"""Lightning data modules that mix untrimmed, foreground and moment batches."""

from aher_lightning.datamodules.activitynet import ActivityNetDataModule
from aher_lightning.datamodules.folder import FolderDataModule
from aher_lightning.datamodules.kinetics import Kinetics600DataModule
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.datamodules.thumos14 import Thumos14DataModule

__all__ = [
    "ActivityNetDataModule",
    "FolderDataModule",
    "Kinetics600DataModule",
    "RenderedDataModule",
    "Thumos14DataModule",
]
