"""A warning when adversarial training has collapsed: the discriminators guess, or are always right."""

from __future__ import annotations

from collections import deque

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.console import error_console
from aher_lightning.errors import ConfigError

KEYS = ("train/discriminator_accuracy_real", "train/discriminator_accuracy_fake")
"""Logged accuracies of the discriminators."""

GUESSING = 0.52
"""Largest mean accuracy that counts as guessing."""

WINNING = 0.98
"""Smallest mean accuracy that leaves the generators next to no gradient."""

ADVICE = {
    "guess": "the generators learn nothing from them: raise 'adversarial_weight' or the learning rate of the detector "
    "phase",
    "win": "the generators cannot fool them: lower 'adversarial_weight' of the detector phase, or raise that of the "
    "generator phase",
}


class DiscriminatorWatch(Callback):
    """Warn once if the discriminators have guessed, or have always been right, for many consecutive iterations.

    Args:
        patience: Number of iterations.
        every_n_iterations: Iterations between two checks.

    Raises:
        ConfigError: If the interval is below 1 or above the patience.
    """

    def __init__(self, patience: int = 200, *, every_n_iterations: int = 10) -> None:
        if not 1 <= every_n_iterations <= patience:
            raise ConfigError(
                "'discriminator_watch.every_n_iterations' must lie between 1 and its 'patience'; correct it"
            )
        self.every_n_iterations = every_n_iterations
        self._recent: deque[float] = deque(maxlen=patience // every_n_iterations)
        self._has_warned = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Check the accuracies at the interval."""
        iteration = finished_iterations(pl_module)
        metrics = trainer.callback_metrics
        if self._has_warned or iteration % self.every_n_iterations or any(key not in metrics for key in KEYS):
            return
        self._recent.append(sum(float(metrics[key]) for key in KEYS) / 2)
        if len(self._recent) == self._recent.maxlen:
            self._judge(trainer, iteration)

    def _judge(self, trainer: pl.Trainer, iteration: int) -> None:
        """Warn if all recent accuracies agree."""
        verdict = "guess" if max(self._recent) <= GUESSING else "win" if min(self._recent) >= WINNING else None
        if verdict is None:
            return
        self._has_warned = True
        if trainer.is_global_zero:
            does = "do no better than guessing" if verdict == "guess" else "are always right"
            count = len(self._recent) * self.every_n_iterations
            error_console().print(
                f"iteration {iteration}: for {count} iterations the discriminators {does}; {ADVICE[verdict]}",
                markup=False,
            )
