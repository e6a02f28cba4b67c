"""Preemption: on a signal, save a checkpoint, stop training and requeue the job."""

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
"""Time limit of ``scontrol requeue``."""


class Preemption(Callback):
    """On a signal, finish the iteration, save a checkpoint and stop training.

    All processes stop after the same iteration, even if the signal reaches them at different times. Within a SLURM job,
    the first process then requeues it: the job restarts when there is room and resumes by ``--ckpt_path last``.
    Lightning's own handler (``hpc_ckpt``) saves in the middle of an iteration; taking its signal disables it.

    Args:
        signal_name: The signal, with "SIG" before the name that ``#SBATCH --signal`` takes.
        requeue: Whether to requeue a SLURM job.

    Raises:
        ConfigError: If the system has no such signal.
    """

    def __init__(self, signal_name: str = "SIGUSR1", *, requeue: bool = True) -> None:
        if signal_name not in signal.Signals.__members__:
            raise ConfigError(f"unknown signal '{signal_name:.40}'; name one such as SIGUSR1")
        self.signal = signal.Signals[signal_name]
        self.requeue = requeue
        self._is_signalled = False
        self._before: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Install the handler; only the main thread can."""
        self._is_signalled = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(self.signal, self._note)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save and stop if any process has received the signal."""
        if not trainer.should_stop and trainer.strategy.reduce_boolean_decision(self._is_signalled, all=False):
            for callback in trainer.checkpoint_callbacks:
                if isinstance(callback, IterationCheckpoint):
                    callback.save(trainer)
            trainer.should_stop = True
            self._requeue(finished_iterations(pl_module))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Restore the previous handler."""
        if self._before is not None and trainer.state.fn == TrainerFn.FITTING:
            signal.signal(self.signal, self._before)
            self._before = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        """Note the signal until the iteration is over."""
        self._is_signalled = True

    @rank_zero_only
    def _requeue(self, iteration: int) -> None:
        """Report the stop, and requeue the job."""
        console, job = error_console(), os.environ.get("SLURM_JOB_ID")
        console.print(f"{self.signal.name}: stopping after {iteration} iterations; resume with --ckpt_path last")
        if not self.requeue or job is None:
            return
        words = ["scontrol", "requeue", job]
        try:
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=REQUEUE_SEC)
        except (OSError, subprocess.SubprocessError) as error:
            reason = " ".join((getattr(error, "stderr", None) or str(error)).split())
            console.print(f"job {job} cannot be requeued ({reason:.200}); submit it again", markup=False)
        else:
            console.print(f"job {job} was requeued", markup=False)
