"""Training of AherNet on random features, for benchmarks that take its time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import pytorch_lightning as pl
import torch

from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.structures import Categories, MomentBatch, SnippetSequences, UntrimmedBatch
from aher_lightning.video.contract import TemporalContract

CHANNELS = 128
"""Channels of the features, those of the demo's backbone."""

BATCH = 16


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


def make_snippets(length: int) -> SnippetSequences:
    """Return random features of a batch of videos."""
    steps = torch.full((BATCH,), 1.0 / length)
    lengths = torch.full((BATCH,), length)
    return SnippetSequences(torch.rand(BATCH * length, CHANNELS), lengths, steps / 2, steps)


def make_batch(length: int) -> TrainingBatch:
    """Return a training batch: videos of two instances, foregrounds, moments."""
    labels = torch.arange(BATCH) % 5
    untrimmed = UntrimmedBatch(
        iteration=0,
        video_ids=[f"video{row}" for row in range(BATCH)],
        positions=torch.arange(BATCH),
        snippets=make_snippets(length),
        durations_sec=torch.full((BATCH,), 100.0, dtype=torch.float64),
        segments_sec=torch.tensor([[[10.0, 30.0], [50.0, 90.0]]], dtype=torch.float64).repeat(BATCH, 1, 1),
        labels=labels.unsqueeze(1).repeat(1, 2),
    )
    clips = (MomentBatch(0, [f"{name}{row}" for row in range(BATCH)], make_snippets(16), labels) for name in "fm")
    foreground, moments = clips
    return {"untrimmed": untrimmed, "foreground": foreground, "moments": moments}


def make_module(length: int, width: int, num_categories: int = 5) -> AherModule:
    """Return AherNet, with all phases of Algorithm 1, for so many categories in each set."""
    module = AherModule(
        Categories([f"untrimmed{i}" for i in range(num_categories)], [f"moment{i}" for i in range(num_categories)]),
        backbone=P3DSmall(),
        network=partial(AherNet, length=length, stem_channels=(width, width), level_channels=(width,) * 6),
    )
    module.contract = TemporalContract(fps=10.0)
    return module


def train(module: AherModule, batches: Repeated, callbacks: Sequence[pl.Callback], precision: Any = "32-true") -> None:  # noqa: ANN401
    """Train on every batch once, and keep nothing but what the callbacks have seen."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            default_root_dir=folder,
            precision=precision,
            devices=1,
            max_epochs=1,
            callbacks=list(callbacks),
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, batches)
