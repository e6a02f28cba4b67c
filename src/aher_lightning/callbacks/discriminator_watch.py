"""A word about a game that nobody plays any more: the discriminators guess, or are always right."""

from __future__ import annotations

from collections import deque

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.console import error_console
from aher_lightning.errors import ConfigError

KEYS = ("train/discriminator_accuracy_real", "train/discriminator_accuracy_fake")
"""What the phases with discriminators log."""

GUESSING = 0.52
"""Mean accuracy on both kinds up to which discriminators do no better than guessing."""

WINNING = 0.98
"""Mean accuracy from which generators learn next to nothing of them."""

ADVICE = {
    "guess": "they teach the generators nothing: raise 'adversarial_weight' or the learning rate of the detector phase",
    "win": "the generators cannot deceive them: lower 'adversarial_weight' of the detector phase, or raise that of the "
    "generator phase",
}


class DiscriminatorWatch(Callback):
    """Warn once if the discriminators have guessed, or have always been right, for many iterations on end.

    Args:
        patience: For how many iterations.
        every_n_iterations: How many iterations lie between two looks.

    Raises:
        ConfigError: If a number is below 1, or there would be no look within the patience.
    """

    def __init__(self, patience: int = 200, *, every_n_iterations: int = 10) -> None:
        if not 1 <= every_n_iterations <= patience:
            raise ConfigError("'every_n_iterations' of the watch must be at least 1 and at most its 'patience'")
        self.every_n_iterations = every_n_iterations
        self._recent: deque[float] = deque(maxlen=patience // every_n_iterations)
        self._has_warned = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look at the accuracies if it is time."""
        iteration = finished_iterations(pl_module)
        metrics = trainer.callback_metrics
        if self._has_warned or iteration % self.every_n_iterations or any(key not in metrics for key in KEYS):
            return
        self._recent.append(sum(float(metrics[key]) for key in KEYS) / 2)
        if len(self._recent) == self._recent.maxlen:
            self._judge(trainer, iteration)

    def _judge(self, trainer: pl.Trainer, iteration: int) -> None:
        """Warn if all that was seen lately says the same."""
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
