"""Stopping in time: a signal before the end of a job's time saves a checkpoint and gives the job back to the queue."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.trainer.states import TrainerFn

from aher_lightning.callbacks.iteration_checkpoint import IterationCheckpoint
from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.console import error_console
from aher_lightning.errors import ConfigError

REQUEUE_SEC = 60.0
"""How long to wait for the scheduler's answer."""


class Preemption(Callback):
    """Stop training at the end of an iteration after a signal, with a checkpoint to go on from.

    All processes stop after the same iteration, even if the signal reaches them at different times. Within a SLURM job
    that may be requeued, the first process then asks for that: the job starts again when there is room, and goes on by
    ``--ckpt_path last``. Lightning's own way (``hpc_ckpt``) saves in the middle of whatever runs; it is switched off by
    taking its signal.

    Args:
        signal_name: The signal, as ``#SBATCH --signal`` names it with "SIG" in front.
        requeue: Whether to give a SLURM job back to the queue.

    Raises:
        ConfigError: If there is no such signal here.
    """

    def __init__(self, signal_name: str = "SIGUSR1", *, requeue: bool = True) -> None:
        if signal_name not in signal.Signals.__members__:
            raise ConfigError(f"there is no signal '{signal_name:.40}' here; name one such as SIGUSR1")
        self.signal = signal.Signals[signal_name]
        self.requeue = requeue
        self._was_asked = False
        self._before: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen for the signal; only the main thread can."""
        self._was_asked = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(self.signal, self._note)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save and stop if any process was asked to."""
        if not trainer.should_stop and trainer.strategy.reduce_boolean_decision(self._was_asked, all=False):
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, IterationCheckpoint):
                    callback.save(trainer)
            trainer.should_stop = True
            self._give_back(finished_iterations(pl_module))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Leave the signal to whoever had it before."""
        if self._before is not None and trainer.state.fn == TrainerFn.FITTING:
            signal.signal(self.signal, self._before)
            self._before = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Remember the signal until the iteration is over."""
        self._was_asked = True

    @rank_zero_only
    def _give_back(self, iteration: int) -> None:
        """Say that training stops, and have the job requeued."""
        console, job = error_console(), os.environ.get("SLURM_JOB_ID")
        console.print(f"{self.signal.name}: stopping after {iteration} iterations; go on with --ckpt_path last")
        if not self.requeue or job is None:
            return
        words = ["scontrol", "requeue", job]
        try:
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=REQUEUE_SEC)
        except (OSError, subprocess.SubprocessError) as error:
            reason = " ".join((getattr(error, "stderr", None) or str(error)).split())
            console.print(f"job {job} cannot be requeued ({reason:.200}); submit it again", markup=False)
        else:
            console.print(f"job {job} is back in the queue", markup=False)
