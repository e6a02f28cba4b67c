"""Detections of test and predict runs as ActivityNet prediction files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from aher_lightning.errors import ConfigError
from aher_lightning.metrics.functional.segment_table import table_from_detections, without_copies
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.reports.predictions.writer import write_predictions
from aher_lightning.structures import Detections


class PredictionWriter(Callback):
    """Write what ``aher test`` or ``aher predict`` detects, videos in the order of the data set.

    Args:
        path: JSON file of the detections; relative to the trainer's ``default_root_dir``.
        proposals_path: JSON file of the proposals, each segment once whatever its categories, which is what AR@AN and
            AUC score; relative to the same folder. ``None`` writes none.
    """

    def __init__(
        self, path: Path = Path("predictions.json"), proposals_path: Path | None = Path("proposals.json")
    ) -> None:
        self.path = Path(path)
        self.proposals_path = proposals_path
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
            self._write(in_order, Path(trainer.default_root_dir), cast("BaseModule", module).categories.names)
        self._found = {}

    def _write(self, found: Mapping[str, Detections], folder: Path, categories: Sequence[str]) -> None:
        """Write both files."""
        write_predictions(folder / self.path, found, categories)
        if self.proposals_path is not None:
            proposals = {video_id: _once_each(detections) for video_id, detections in found.items()}
            write_predictions(folder / self.proposals_path, proposals, categories)


def _once_each(found: Detections) -> Detections:
    """Return each segment of a video once, with its best score."""
    table = without_copies(table_from_detections([found], [0]))
    return Detections(*(torch.from_numpy(field) for field in (table.segments, table.scores, table.labels)))
