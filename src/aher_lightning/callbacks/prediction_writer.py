"""Detections of test and predict runs as an ActivityNet prediction file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.structures import Detections


class PredictionWriter(Callback):
    """Write what ``aher test`` or ``aher predict`` detects to one file, videos in the order of the data set.

    Args:
        path: JSON file; relative to the trainer's ``default_root_dir``.
    """

    def __init__(self, path: Path = Path("predictions.json")) -> None:
        self.path = Path(path)
        self._found: dict[int, tuple[str, Detections]] = {}

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect the detections of a batch."""
        self._collect(outputs)

    def on_predict_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Collect the detections of a batch."""
        self._collect(outputs)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file."""
        self._gather_and_write(trainer, pl_module)

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file."""
        self._gather_and_write(trainer, pl_module)

    def _collect(self, outputs: object) -> None:
        if not isinstance(outputs, EvaluationOutput):
            raise ConfigError("PredictionWriter works with modules of this package only; remove it from the callbacks")
        for video_id, index, found in zip(outputs.video_ids, outputs.positions, outputs.detections, strict=True):
            self._found[index] = (video_id, Detections(*(field.cpu() for field in found)))

    def _gather_and_write(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        """Gather the detections of all processes; rank 0 writes."""
        found = self._found
        if trainer.world_size > 1:
            parts: list[dict[int, tuple[str, Detections]]] = [{} for _ in range(trainer.world_size)]
            torch.distributed.all_gather_object(parts, found)
            found = {index: entry for part in parts for index, entry in part.items()}
        if trainer.is_global_zero:
            in_order = dict(found[index] for index in sorted(found))
            path = Path(trainer.default_root_dir) / self.path
            write_predictions(path, in_order, cast("BaseModule", module).categories.names)
        self._found = {}
