"""What a module reads of the data module that it is attached to."""

from __future__ import annotations

from typing import Protocol

from aher_lightning.video.contract import TemporalContract


class AttachedData(Protocol):
    """The part of a data module that a module reads."""

    @property
    def contract(self) -> TemporalContract:
        """How frames become snippets."""

    @property
    def window_sec(self) -> float | None:
        """Length of training videos in seconds, for the windows of longer ones; ``None`` without videos."""

    @property
    def training_window_sec(self) -> float | None:
        """Length in seconds of the windows that long videos are cut into; ``None`` for none."""
