"""A training loop that benchmarks take the time of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytorch_lightning as pl
import torch

from aher_lightning.modules.phased import TrainingBatch


class Repeated:
    """The same batch in every iteration, as a loader.

    Args:
        batch: The batch.
        iterations: How many iterations.
    """

    def __init__(self, batch: TrainingBatch, iterations: int) -> None:
        self.batch, self.iterations = batch, iterations

    def __len__(self) -> int:
        return self.iterations

    def __iter__(self) -> Iterator[TrainingBatch]:
        for iteration in range(self.iterations):
            parts = cast("Mapping[str, Any]", self.batch).items()
            yield cast("TrainingBatch", {name: part._replace(iteration=iteration) for name, part in parts})


class Stopwatch(pl.Callback):
    """Takes the seconds of every iteration."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_train_batch_start(self, *_: object) -> None:
        """Start the watch."""
        self.started = time.perf_counter()

    def on_train_batch_end(self, *_: object) -> None:
        """Stop it, once the device has done what it was given."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self.started)
