"""Checkpoints by iteration, the unit that everything here is scheduled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from aher_lightning.callbacks.iterations import finished_iterations


class IterationCheckpoint(Checkpoint):
    """Save ``last.ckpt`` every so many iterations and when training ends.

    Lightning's own ``ModelCheckpoint`` counts optimizer steps, of which an iteration takes several.

    Args:
        folder: Where to save; relative to the trainer's ``default_root_dir``.
        every_n_iterations: Distance of two checkpoints; 0 saves at the end only.
        keep_all: Whether to save ``iteration_000600.ckpt`` beside ``last.ckpt`` each time.
    """

    def __init__(self, folder: Path = Path(), *, every_n_iterations: int = 0, keep_all: bool = False) -> None:
        self.folder = folder
        self.every_n_iterations = every_n_iterations
        self.keep_all = keep_all

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save if it is time."""
        iteration = finished_iterations(pl_module)
        if self.every_n_iterations and iteration % self.every_n_iterations == 0:
            if self.keep_all:
                trainer.save_checkpoint(self.path(trainer, f"iteration_{iteration:06d}.ckpt"))
            trainer.save_checkpoint(self.path(trainer, "last.ckpt"))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the result of training."""
        trainer.save_checkpoint(self.path(trainer, "last.ckpt"))

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let a run that had ended go on if it is asked for more iterations.

        Lightning takes its only epoch, which is as long as the iterations asked for, to be over.
        """
        epoch = checkpoint.get("loops", {}).get("fit_loop", {}).get("epoch_progress", {})
        for progress in epoch.values():
            for state in ("processed", "completed"):
                progress[state] = min(progress[state], progress["ready"] - 1)

    def path(self, trainer: pl.Trainer, name: str = "last.ckpt") -> Path:
        """Return where a checkpoint is saved.

        Args:
            trainer: The trainer.
            name: File name.

        Returns:
            Path of the file.
        """
        return Path(trainer.default_root_dir) / self.folder / name
