"""Metrics of a test run as JSON, for programs and tables."""

from __future__ import annotations

import math
from pathlib import Path

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning.errors import DataError
from aher_lightning.files.json_files import write_json


class MetricsWriter(Callback):
    """Write the metrics of ``aher test`` when it ends; one that is undefined is written as ``null``.

    Args:
        path: JSON file; relative to the trainer's ``default_root_dir``.
    """

    def __init__(self, path: Path = Path("metrics.json")) -> None:
        self.path = Path(path)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the file."""
        if trainer.is_global_zero:
            metrics = {key: float(value) for key, value in trainer.callback_metrics.items() if key.startswith("test/")}
            # A category set without ground truth has no score, and JSON has no number for that.
            content = {key: None if math.isnan(value) else value for key, value in metrics.items()}
            write_json(Path(trainer.default_root_dir) / self.path, content, DataError, indent=2)
