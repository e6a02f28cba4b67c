"""Atomic writing of Lightning's checkpoints, and reading of folders to share."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io import TorchCheckpointIO

from aher_lightning.checkpoints.content import write_checkpoint
from aher_lightning.checkpoints.pretrained_folder import read_trained


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write local checkpoints atomically and flushed to disk; read them as Lightning does, and folders to share too."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: Its content.
            path: File to write or to replace.
            storage_options: Must be ``None`` for local files.

        Raises:
            CheckpointError: If the file cannot be written.
            TypeError: If storage options are given.
        """
        if storage_options is not None:
            raise TypeError("local checkpoints take no storage options")
        write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(self, path: str | Path, *places: object, **options: object) -> dict[str, Any]:
        """Read a checkpoint; one of a folder evaluates, but cannot resume training.

        Args:
            path: File, or exported folder.
            places: Where Lightning wants the tensors of a file.
            options: Further options of Lightning for files.

        Raises:
            CheckpointError: If a folder is damaged.
        """
        if Path(path).is_dir():
            return {**read_trained(Path(path)), "pytorch-lightning_version": version("pytorch-lightning")}
        # Which options there are depends on the version of Lightning.
        checkpoint: dict[str, Any] = super().load_checkpoint(path, *places, **options)  # type: ignore[arg-type]
        return checkpoint
