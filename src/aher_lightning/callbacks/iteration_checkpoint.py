"""Checkpoints by iteration, the unit of every schedule here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
from lightning_fabric.plugins.io import TorchCheckpointIO
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.trainer.states import TrainerFn

from aher_lightning.callbacks.atomic_checkpoint_io import AtomicCheckpointIO
from aher_lightning.callbacks.iterations import finished_iterations
from aher_lightning.checkpoints.last import LAST, PREVIOUS
from aher_lightning.errors import ConfigError
from aher_lightning.files.atomic import remove_partial_files
from aher_lightning.modules.base import BaseModule


class IterationCheckpoint(Checkpoint):
    """Save ``last.ckpt`` at an interval of iterations and when training ends.

    Lightning's own ``ModelCheckpoint`` counts optimizer steps, of which an iteration takes several. Checkpoints are
    written atomically, and the one before stays as ``previous.ckpt``: a process killed at any moment leaves one to
    resume from, which :func:`~aher_lightning.checkpoints.last.find_last_checkpoint` finds.

    Args:
        folder: Where to save; relative to the trainer's ``default_root_dir``.
        every_n_iterations: Interval; 0 saves at the end only.
        keep_all: Whether to save ``iteration_000600.ckpt`` beside ``last.ckpt`` each time.
        frozen_backbone: Whether to keep the weights of a frozen backbone in the file, or to omit them where they can be
            fetched by name; whoever uses the checkpoint needs them then.
    """

    def __init__(
        self,
        folder: Path = Path(),
        *,
        every_n_iterations: int = 0,
        keep_all: bool = False,
        frozen_backbone: Literal["keep", "omit"] = "keep",
    ) -> None:
        self.frozen_backbone = frozen_backbone
        self.folder = folder
        self.every_n_iterations = every_n_iterations
        self.keep_all = keep_all

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Write checkpoints atomically, unless the trainer has a checkpoint plugin of its own."""
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = AtomicCheckpointIO()

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remove partial files of killed writers, and refuse to omit a backbone that nobody could fetch."""
        if self.frozen_backbone == "omit":
            _omit(pl_module)
        if trainer.is_global_zero:
            remove_partial_files(self.path(trainer).parent)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save at the interval."""
        iteration = finished_iterations(pl_module)
        if self.every_n_iterations and iteration % self.every_n_iterations == 0:
            if self.keep_all:
                trainer.save_checkpoint(self.path(trainer, f"iteration_{iteration:06d}.ckpt"))
            self.save(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the result of training."""
        self.save(trainer)

    def save(self, trainer: pl.Trainer) -> None:
        """Save ``last.ckpt`` now; call it on all processes. The old one becomes ``previous.ckpt``.

        Args:
            trainer: The trainer, between two iterations.
        """
        last = self.path(trainer)
        if trainer.is_global_zero and last.is_file():
            last.replace(last.with_name(PREVIOUS))
        trainer.save_checkpoint(last)

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Let a finished run continue if more iterations are asked for; Lightning would end it at once."""
        loop = checkpoint.get("loops", {}).get("fit_loop", {})
        if trainer.state.fn != TrainerFn.FITTING or not loop:
            return
        batches, limit = loop["epoch_loop.batch_progress"], trainer.limit_train_batches
        is_ended = loop["epoch_progress"]["current"]["completed"] == loop["epoch_progress"]["current"]["ready"]
        if is_ended and isinstance(limit, int) and batches["current"]["ready"] < limit:
            _reopen(loop)

    def path(self, trainer: pl.Trainer, name: str = LAST) -> Path:
        """Return where a checkpoint is saved.

        Args:
            trainer: The trainer.
            name: File name.

        Returns:
            Path of the file.
        """
        return Path(trainer.default_root_dir) / self.folder / name


def _omit(module: pl.LightningModule) -> None:
    """Have a module leave its backbone out of checkpoints; ConfigError if its weights cannot be fetched by name."""
    if not isinstance(module, BaseModule) or not module.backbone.fetchable_sha256:
        raise ConfigError(
            "'checkpoint.frozen_backbone' is omit, but the backbone is not frozen, or its weights cannot be fetched by "
            "name; choose keep, or a frozen backbone with the weights of its package or hub"
        )
    module.omits_backbone = True


def _reopen(loop: dict[str, Any]) -> None:
    """Change Lightning's state after its only epoch to the state after a training batch."""
    for progress in loop["epoch_progress"].values():
        progress["processed"] -= 1
        progress["completed"] -= 1
    for progress in (loop["epoch_loop.batch_progress"]["total"], loop["epoch_loop.batch_progress"]["current"]):
        progress["completed"] -= 1
    loop["epoch_loop.batch_progress"]["is_last_batch"] = False
    loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1
