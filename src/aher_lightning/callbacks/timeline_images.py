"""Images of validation: detections of a few videos below their annotations."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from matplotlib.image import imread
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

from aher_lightning.annotations.records import Instance
from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.reports.videos.detection_rows import best_rows, detection_rows
from aher_lightning.reports.videos.timelines import write_timeline_figure
from aher_lightning.structures import UntrimmedBatch

SHOWN = 10
"""Detections per image."""

DISTINCT_TIOU = 0.5
"""Largest tIoU of two shown detections."""


class TimelineImages(Callback):
    """Log the timelines of the first videos of every validation.

    W&B and TensorBoard receive images, a CSV logger files beside its table, other loggers nothing.

    Args:
        videos: How many videos; 0 draws none.

    Raises:
        ConfigError: If the number is negative.
    """

    def __init__(self, videos: int = 0) -> None:
        if videos < 0:
            raise ConfigError(f"'timelines.videos' is {videos}; give 0 for none, or more")
        self.videos = videos
        self._drawn = 0

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start again with the first video."""
        self._drawn = 0

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Draw the videos of a batch until there are enough."""
        is_wanted = trainer.is_global_zero and not trainer.sanity_checking and self._drawn < self.videos
        if not (is_wanted and isinstance(outputs, EvaluationOutput) and isinstance(batch, UntrimmedBatch)):
            return
        if not isinstance(pl_module, BaseModule):
            return
        names, iteration = pl_module.categories.names, finished_iterations(pl_module)
        for row, video_id in enumerate(outputs.video_ids[: self.videos - self._drawn]):
            self._drawn += 1
            with tempfile.TemporaryDirectory() as folder:
                picture = Path(folder, f"{video_id}.png")
                _draw(picture, row, outputs, batch, names)
                for logger in trainer.loggers:
                    _log(logger, picture, iteration)


def _draw(path: Path, row: int, outputs: EvaluationOutput, batch: UntrimmedBatch, names: list[str]) -> None:
    """Draw one video of a batch."""
    rows = best_rows(detection_rows(outputs.detections[row], names), top_k=SHOWN, max_tiou=DISTINCT_TIOU)
    pairs = zip(batch.segments_sec[row].tolist(), batch.labels[row].tolist(), strict=True)
    truth = [Instance(names[label], start, end) for (start, end), label in pairs if label >= 0]
    write_timeline_figure(path, outputs.video_ids[row], float(batch.durations_sec[row]), rows, truth)


def _log(logger: Logger, picture: Path, iteration: int) -> None:
    """Log an image in the way that the logger supports."""
    key = f"timelines/{picture.stem}"
    if isinstance(logger, WandbLogger):
        logger.log_image(key, [str(picture)], step=iteration)
    elif isinstance(logger, TensorBoardLogger):
        pixels = np.asarray(imread(picture))[..., :3]
        logger.experiment.add_image(key, pixels, iteration, dataformats="HWC")
    elif isinstance(logger, CSVLogger):
        target = Path(logger.log_dir) / "timelines" / f"{picture.stem}_{iteration:06d}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(picture.read_bytes())
