"""Atomic writing of Lightning's checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io import TorchCheckpointIO

from aher_lightning.checkpoints.content import write_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write local checkpoints atomically and flushed to disk; read them as Lightning does."""

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
