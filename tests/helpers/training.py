"""Short training runs on toy data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule
from aher_lightning.structures import (
    Categories,
    LabelledClips,
    LabelledVideos,
    MomentBatch,
    SnippetSequences,
    UntrimmedBatch,
)
from aher_lightning.video.contract import TemporalContract
from tests.helpers.toy import CATEGORIES, CHANNELS, MeanBackbone, ToyDataModule, toy_loss, toy_network


def quiet_trainer(folder: Path, iterations: int = 1, **options: Any) -> pl.Trainer:
    """Return a trainer that writes into a folder and shows nothing."""
    settings: dict[str, Any] = {
        "default_root_dir": folder,
        "max_epochs": 1,
        "limit_train_batches": iterations,
        "limit_val_batches": 0,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
        "accelerator": "cpu",
    }
    return pl.Trainer(**(settings | {"callbacks": [IterationCheckpoint()]} | options))


def toy_localizer(categories: Categories = CATEGORIES, **options: Any) -> LocalizerModule:
    """Return a localizer with seeded weights."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"backbone": MeanBackbone(), "network": toy_network, "loss": toy_loss()}
    return LocalizerModule(categories, **(settings | options))


def toy_classifier(categories: Categories = CATEGORIES, **options: Any) -> SnippetClassifierModule:
    """Return a snippet classifier with seeded weights."""
    torch.manual_seed(0)
    return SnippetClassifierModule(categories, **({"backbone": MeanBackbone()} | options))


def train(module: BaseModule, folder: Path, iterations: int = 1, **options: Any) -> pl.Trainer:
    """Train on toy data; the checkpoint is ``last.ckpt`` in the folder."""
    trainer = quiet_trainer(folder, iterations, **options)
    trainer.fit(module, datamodule=ToyDataModule())
    return trainer


def pixels(*lengths: int) -> SnippetSequences:
    """Return packed random clips of tiny pictures, as many per video as told, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 256, (sum(lengths), 3, 4, 6, 6), dtype=torch.uint8, generator=generator)
    counts = torch.tensor(lengths)
    return SnippetSequences(values, counts, 0.5 / counts, 1.0 / counts)


def small_contract(**options: Any) -> TemporalContract:
    """Return a contract of tiny clips."""
    settings: dict[str, Any] = {"clip_length": 4, "snippet_stride": 4, "first_centre_frames": 2.0}
    return TemporalContract(fps=10.0, **(settings | {"resize": 6, "crop": 6} | options))


def untrimmed_batch(
    snippets: SnippetSequences, segments: list[list[list[float]]], labels: list[list[int]], duration_sec: float = 10.0
) -> UntrimmedBatch:
    """Return a batch of videos of equal duration."""
    count = len(segments)
    return UntrimmedBatch(
        iteration=-1,
        video_ids=[f"v{row}" for row in range(count)],
        positions=torch.arange(count),
        snippets=snippets,
        durations_sec=torch.full((count,), duration_sec, dtype=torch.float64),
        segments_sec=torch.tensor(segments, dtype=torch.float64).reshape(count, -1, 2),
        labels=torch.tensor(labels),
    )


def moment_batch(snippets: SnippetSequences, labels: list[int], iteration: int = 0) -> MomentBatch:
    """Return a batch of moments."""
    return MomentBatch(iteration, [f"m{row}" for row in range(len(labels))], snippets, torch.tensor(labels))


def iteration_data(*, untrimmed: bool = True) -> IterationData:
    """Return random features for the toy network, the same and with the same generator in every call."""
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(4, CHANNELS, 32, generator=generator)
    segments = torch.tensor([[[0.1, 0.4], [0.5, 0.9]]]).repeat(4, 1, 1)
    labels = torch.tensor([[0, 0], [1, 1], [0, -1], [1, 1]])
    foreground = torch.rand(4, CHANNELS, 32, generator=generator)
    moments = torch.rand(4, CHANNELS, 16, generator=generator)
    return IterationData(
        torch.Generator().manual_seed(1),
        untrimmed=LabelledVideos(features, segments, labels, torch.full((len(features),), 20.0)) if untrimmed else None,
        foreground=LabelledClips(foreground, torch.tensor([0, 1, 0, 1]), torch.full((4,), 5.0)),
        moments=LabelledClips(moments, torch.tensor([0, 1, 2, 0]), torch.full((4,), 5.0)),
    )
