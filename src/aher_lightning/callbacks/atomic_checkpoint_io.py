"""How Lightning's checkpoints get to disk: as a whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning_fabric.plugins.io import TorchCheckpointIO

from aher_lightning.checkpoints.content import write_checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write local checkpoints under another name, flush them to disk, and rename them; read them as Lightning does."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: Its content.
            path: File to write or to replace.
            storage_options: Not for local files.

        Raises:
            CheckpointError: If the file cannot be written.
            TypeError: If storage options are given.
        """
        if storage_options is not None:
            raise TypeError("local checkpoints take no storage options")
        write_checkpoint(Path(path), checkpoint)
