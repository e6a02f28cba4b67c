"""A data set of random features in memory, small enough to train on within a test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.snippet_source import VideoSource
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.losses.options import MatchingOptions
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.base import Backbone
from aher_lightning.models.pyramid import TemporalPyramid
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.spans import snippets_in_span
from aher_lightning.structures import Categories, SnippetSequence
from aher_lightning.video.contract import TemporalContract

CHANNELS = 8
UNTRIMMED = ["jump", "wave"]
MOMENT = ["clap", "spin", "nod"]
CATEGORIES = Categories(UNTRIMMED, MOMENT)
DURATION_SEC = 20.0

TOY_PYRAMID = partial(TemporalPyramid, stem_channels=(12, 12), level_channels=(10, 10, 12, 12))
"""Four levels."""

TOY_HEAD = partial(AnchorHead, matching=MatchingOptions(foreground=0.5, match_best_anchor=True))
"""A head for which short videos have positives."""


class MeanBackbone(Backbone):
    """Features that are linear in the mean colour of a clip: fast, and gradients reach its weights."""

    def __init__(self, channels: int = CHANNELS) -> None:
        super().__init__()
        self.out_channels = channels
        self.linear = torch.nn.Linear(3, channels)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.linear(clips.mean(dim=(2, 3, 4)))
        return features


class EveryNth(Backbone):
    """A backbone of somebody else, who has never heard of recorded options."""

    def __init__(self, every: int = 1, *, sizes: Sequence[int] = (1, 2), place: Path | None = None) -> None:
        super().__init__()
        self.every, self.sizes, self.place = every, sizes, place
        self.out_channels = 3
        self.scale = torch.nn.Parameter(torch.ones(3))

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return clips[:, :, :: self.every].mean((2, 3, 4)) * self.scale


class ToySource:
    """Features whose first channels tell the category of the action going on, noise elsewhere."""

    def __init__(self, videos: dict[str, AnnotatedVideo], clips: list[TrimmedClip]) -> None:
        self.videos = videos
        self.labels = {clip.video_id: clip.label for clip in clips}

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        count = 20 if video_id in self.videos else 5
        step_sec = DURATION_SEC / 20
        values = 0.1 * torch.randn(count, CHANNELS, generator=random_generator(video_id))
        for label, start, end in self._instances(video_id, count * step_sec):
            inside = snippets_in_span(count, step_sec / 2, step_sec, (start, end))
            values[inside.start : inside.stop, [*UNTRIMMED, *MOMENT].index(label)] += 1
        start, end = span_sec or (0.0, count * step_sec)
        chosen = snippets_in_span(count, step_sec / 2, step_sec, (start, end))
        first = step_sec / 2 + chosen.start * step_sec
        length = end - start
        return SnippetSequence(values[chosen.start : chosen.stop], (first - start) / length, step_sec / length)

    @property
    def video_ids(self) -> list[str]:
        return [*self.videos, *self.labels]

    def duration_sec(self, video_id: str) -> float:
        return DURATION_SEC if video_id in self.videos else 5.0

    def _instances(self, video_id: str, length_sec: float) -> list[tuple[str, float, float]]:
        if video_id in self.videos:
            return [(label, start, end) for label, start, end in self.videos[video_id].instances]
        return [(self.labels[video_id], 0.0, length_sec)]


class ToyDataModule(MixedDataModule):
    """Six training videos, nine moments, four validation videos.

    Args:
        **options: See MixedDataModule.
    """

    def __init__(self, **options: Any) -> None:
        settings: dict[str, Any] = {"contract": TemporalContract(fps=10.0), "batch_size": 4}
        super().__init__(**(settings | options))

    @property
    def untrimmed_categories(self) -> list[str]:
        return UNTRIMMED

    @property
    def moment_categories(self) -> list[str]:
        return MOMENT

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        training = [toy_video(f"train{i}", "training", UNTRIMMED[i % 2]) for i in range(6)]
        validation = [toy_video(f"val{i}", "validation", MOMENT[i % 3]) for i in range(4)]
        return {video.video_id: video for video in [*training, *validation]}

    @property
    def source(self) -> VideoSource:
        return ToySource(self.videos, self.moment_clips())

    def moment_clips(self) -> list[TrimmedClip]:
        return [TrimmedClip(f"{label}{i}", None, label) for label in MOMENT for i in range(3)]

    def video_paths(self) -> dict[str, Path]:
        return {}


def toy_video(video_id: str, subset: str, label: str) -> AnnotatedVideo:
    """Two instances at random places."""
    first, second = (random_generator(video_id, part) for part in "ab")
    starts = [float(1 + 4 * torch.rand((), generator=first)), float(10 + 4 * torch.rand((), generator=second))]
    instances = tuple(Instance(label, start, start + 4.5) for start in starts)
    return AnnotatedVideo(video_id, subset, DURATION_SEC, instances)


def toy_network(
    channels: int = CHANNELS, untrimmed: int = len(UNTRIMMED), moment: int = len(MOMENT), **options: Any
) -> AherNet:
    """A network of four levels that trains in milliseconds."""
    parts: dict[str, Any] = {"length": 32, "pyramid": TOY_PYRAMID, "head": TOY_HEAD}
    return AherNet(channels, untrimmed, moment, **(parts | options))


def toy_loss() -> CellClassificationLoss:
    """The default loss."""
    return CellClassificationLoss()
