"""A figure of losses and metrics over iterations, drawn when training ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.reports.curves import History, draw_curves


class TrainingCurves(Callback):
    """Record losses and validation metrics, and draw them at the end of fit.

    Args:
        path: Image file; its suffix sets the format. Relative to the trainer's ``default_root_dir``.
        every_n_iterations: Iterations between two recorded losses.
    """

    def __init__(self, path: Path = Path("curves.png"), *, every_n_iterations: int = 5) -> None:
        self.path = Path(path)
        self.every_n_iterations = every_n_iterations
        self.history: History = {}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Record the losses of the phases."""
        iteration = finished_iterations(pl_module)
        if iteration % self.every_n_iterations == 0:
            self._record(trainer, iteration, prefix="train/")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Record the metrics."""
        if not trainer.sanity_checking:
            self._record(trainer, finished_iterations(pl_module), prefix="val/")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw the figure."""
        if trainer.is_global_zero and self.history:
            title = f"{type(pl_module).__name__} after {finished_iterations(pl_module)} iterations"
            # The terms of a phase's loss are in the log; the figure shows their sums, one curve per phase.
            phases = [phase.name for phase in pl_module.phases] if isinstance(pl_module, PhasedModule) else None
            draw_curves(Path(trainer.default_root_dir) / self.path, self.history, title, losses=phases)

    def state_dict(self) -> dict[str, Any]:
        """Keep the history in checkpoints, so that a resumed run draws all of it."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the history."""
        self.history = state_dict["history"]

    def _record(self, trainer: pl.Trainer, iteration: int, prefix: str) -> None:
        for key, value in trainer.callback_metrics.items():
            if key.startswith(prefix):
                self.history.setdefault(key, []).append((iteration, float(value)))
