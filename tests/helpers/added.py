"""Checkpoints that remember moments, and folders of clips of new categories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.pretrained_folder import read_trained
from aher_lightning.inference import category_teaching
from aher_lightning.models.bank_content import BankContent, StoredMoments, StoredVideos
from aher_lightning.structures import Categories, SnippetSequences
from tests.helpers.toy import CATEGORIES, CHANNELS
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.videos import VideoSpec, write_video


def random_moments(labels: Sequence[int], channels: int = CHANNELS, *, seed: int = 0) -> StoredMoments:
    """Return random moments of two to six snippets, of the given categories."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 7, (len(labels),), generator=generator)
    values = torch.rand(int(lengths.sum()), channels, generator=generator).half()
    return StoredMoments(SnippetSequences(values, lengths, 0.5 / lengths, 1 / lengths), torch.tensor(labels).long())


def random_videos(count: int, channels: int = CHANNELS, *, dense: bool = False, seed: int = 1) -> StoredVideos:
    """Return random videos of twenty snippets, the middle of each annotated, or all of it."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.full((count,), 20)
    values = torch.rand(20 * count, channels, generator=generator).half()
    segments = torch.tensor([[0.0, 1.0]] if dense else [[0.4, 0.6]]).expand(count, 1, 2).clone()
    labels = (torch.arange(count) % 2).unsqueeze(1)
    return StoredVideos(SnippetSequences(values, lengths, 0.5 / lengths, 1 / lengths), segments, labels)


def random_bank(labels: Sequence[int], num_videos: int = 6, *, dense: bool = False) -> BankContent:
    """Return random moments and videos."""
    return BankContent(random_moments(labels), random_videos(num_videos, dense=dense))


def remembering_checkpoint(folder: Path, categories: Categories = CATEGORIES, **bank: Any) -> Path:
    """Write the checkpoint of an untrained localizer with a feature bank of random moments and videos."""
    path = checkpointed_localizer(folder, categories)[1]
    checkpoint: dict[str, Any] = torch.load(path)
    labels = [row % len(categories.moment) for row in range(30)]
    checkpoint[STATE_KEY][FEATURE_BANK_KEY] = random_bank(labels, **bank).state()
    torch.save(checkpoint, path)
    return path


def stored_labels(path: Path) -> list[int]:
    """Return the labels of the moments in a checkpoint's feature bank."""
    labels: list[int] = read_trained(path)[STATE_KEY][FEATURE_BANK_KEY]["moments.labels"].tolist()
    return labels


def write_clips(root: Path, **counts: int) -> Path:
    """Write short clips of some categories."""
    for place, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            spec = VideoSpec(num_frames=12 + number, first_number=50 * place)
            write_video(root / name / f"{number}.mp4", spec)
    return root


def teach_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make teaching and fine-tuning as short as tests want them."""
    monkeypatch.setattr(category_teaching, "TEACHING_STEPS", 5)
    monkeypatch.setattr(category_teaching, "FINE_TUNING_STEPS", 2)
    monkeypatch.setattr(category_teaching, "_FEWEST_VIDEOS", 8)
