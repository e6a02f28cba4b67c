"""Progress of training and evaluation, with the losses of the phases."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.console import ProgressReporter


class PhaseProgress(Callback):
    """Show iterations and one loss per phase on a terminal; a few log lines elsewhere.

    Lightning's own bar counts batches of epochs; switch it off by ``enable_progress_bar: false``.

    Args:
        refresh_every: Iterations between two updates of the shown losses.
        enabled: Whether to show anything.
    """

    def __init__(self, refresh_every: int = 5, *, enabled: bool = True) -> None:
        self.refresh_every = refresh_every
        self.enabled = enabled
        self._training: ProgressReporter | None = None
        self._evaluation: ProgressReporter | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar of training."""
        if self.enabled and trainer.is_global_zero:
            total = int(trainer.num_training_batches)
            self._training = ProgressReporter(f"Training {type(pl_module).__name__}", total, unit="iterations")
            self._training.done = finished_iterations(pl_module)
            self._training.__enter__()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Show the losses."""
        if self._training is None:
            return
        steps = finished_iterations(pl_module) - self._training.done
        if self._training.done + steps == self._training.total or steps >= self.refresh_every:
            self._training.advance(steps, note=self._losses(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar of training."""
        self._close()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Restore the terminal."""
        self._close()

    def on_test_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar of the test."""
        self._open_evaluation("Testing", sum(trainer.num_test_batches), pl_module)

    def on_test_batch_end(self, *arguments: object) -> None:
        """Advance by one batch."""
        self._advance_evaluation()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar of the test."""
        self._close()

    def on_predict_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Open the bar of prediction."""
        self._open_evaluation("Predicting", sum(trainer.num_predict_batches), pl_module)

    def on_predict_batch_end(self, *arguments: object) -> None:
        """Advance by one batch."""
        self._advance_evaluation()

    def on_predict_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar of prediction."""
        self._close()

    def _losses(self, trainer: pl.Trainer) -> str:
        """One loss per phase; the metrics that modules log with ``prog_bar=True``."""
        shown = {key.split("/")[-1]: value for key, value in trainer.progress_bar_metrics.items()}
        return "  ".join(f"{key} {float(value):.2f}" for key, value in shown.items())

    def _open_evaluation(self, verb: str, total: int | float, module: pl.LightningModule) -> None:
        if self.enabled and module.global_rank == 0:
            self._evaluation = ProgressReporter(f"{verb} {type(module).__name__}", int(total), unit="batches")
            self._evaluation.__enter__()

    def _advance_evaluation(self) -> None:
        if self._evaluation is not None:
            self._evaluation.advance()

    def _close(self) -> None:
        for reporter in (self._training, self._evaluation):
            if reporter is not None:
                reporter.__exit__(None, None, None)
        self._training = self._evaluation = None
