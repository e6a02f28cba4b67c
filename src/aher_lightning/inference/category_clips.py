"""Clips of new categories: finding them in a folder, and their snippet features."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from aher_lightning.annotations.category_lists import plain_name
from aher_lightning.annotations.trimmed_clips import find_moments, scan_moment_folder
from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.models.bank_content import StoredMoments
from aher_lightning.models.feature_bank import FeatureBank
from aher_lightning.models.segment_classifier import pool_levels
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import SnippetSequences
from aher_lightning.video.reader import VideoReader

FEWEST_CLIPS = 2
"""Clips that a category needs: one is held out for validation."""

_LONGEST_NAME = 200
"""Characters of a category name; names become table columns and file keys."""

_POOLED_AT_ONCE = 32
"""Moments whose feature maps are computed together."""


class Progress(Protocol):
    """Receives the progress of a task."""

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        """Report finished steps."""


ShowProgress = Callable[[str, int], AbstractContextManager[Progress]]
"""Starts a progress display, given the name of a task and its number of steps."""


class _Silence:
    """Shows nothing."""

    def advance(self, steps: int = 1, *, note: str = "") -> None:
        """Show nothing."""


def show_nothing(_description: str, _total: int) -> AbstractContextManager[Progress]:
    """Show no progress."""
    return nullcontext(_Silence())


class ClipFeatures(NamedTuple):
    """Features of trimmed clips.

    Attributes:
        moments: Snippet features of the usable clips, as the feature bank stores moments; labels index the requested
            categories.
        unusable: One line for each clip that could not be used.
    """

    moments: StoredMoments
    unusable: list[str]


def list_new_categories(root: Path, existing: Sequence[str], wanted: Sequence[str] | None = None) -> list[str]:
    """Return the categories of a folder, sorted, after checking that they are new.

    Args:
        root: Folder that holds ``<category>/<clip>`` video files.
        existing: Categories of the checkpoint.
        wanted: The sub-folders to take; all if not given.

    Raises:
        ConfigError: If a name is taken, in any spelling, or is not valid.
        DataError: If the folder is missing or has no sub-folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one with a sub-folder of clips for each new category")
    names = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if wanted is not None:
        names = sorted(set(wanted))
    if not names:
        raise DataError(f"{root}: has no sub-folder; put the clips of each new category into one of its name")
    taken = {plain_name(name): name for name in existing}
    for name in names:
        _check_name(name)
        other = taken.get(plain_name(name))
        if other is not None:
            raise ConfigError(f"{root / name}: category '{other}' already exists; rename the folder or leave it out")
        taken[plain_name(name)] = name
    return names


def _check_name(name: str) -> None:
    """Refuse invalid names: no letter or digit, a special character, or space at an end."""
    is_special = any(sign in name for sign in "/\\,") or name.startswith(".") or not name.isprintable()
    if not plain_name(name) or is_special or name != name.strip() or len(name) > _LONGEST_NAME:
        raise ConfigError(
            f"{name!r:.80} cannot be a category: a name has letters or digits, no comma, slash or control character, "
            f"no dot or space at its start, and at most {_LONGEST_NAME} characters; rename the folder"
        )


@torch.no_grad()
def read_clips(
    module: PhasedModule, root: Path, categories: Sequence[str], reader: VideoReader | None, progress: Progress
) -> ClipFeatures:
    """Read the clips of categories: features of all snippets, by the checkpoint's temporal contract.

    Clips that cannot be used are left out.

    Args:
        module: Turns snippets into features.
        root: Folder that holds ``<category>/<clip>`` video files.
        categories: The categories.
        reader: Decodes videos; ``None`` chooses one.
        progress: Receives every clip.

    Raises:
        DataError: If a category has no folder.
    """
    folder = VideoFolder(find_moments(root, categories), module.require_contract(), reader=reader)
    bank = FeatureBank(sum(count_clips(root, categories).values()), 0)
    unusable = []
    for clip in scan_moment_folder(root, categories):
        try:
            snippets = SnippetSequences.pack([folder.read(clip.video_id)])
            features = module.snippet_features(snippets.values.to(module.device)).cpu()
        except ConfigError:
            raise
        except Exception as failure:  # no failure, not even a bug of ours, may end the others
            path = folder.path(clip.video_id)
            unusable.append(UnusableVideo.from_failure(clip.video_id, path, failure).line)
        else:
            label = torch.tensor([categories.index(clip.label)])
            bank.add_moments(snippets._replace(values=features), label)
        progress.advance(note=clip.video_id)
    return ClipFeatures(bank.content().moments, unusable)


@torch.no_grad()
def pool_moments(module: PhasedModule, moments: StoredMoments) -> list[Tensor]:
    """Return what segment-level classifiers see of moments, as in training.

    Args:
        module: Resamples the moments and computes feature maps.
        moments: Moments, N of them.

    Returns:
        Pooled feature maps of each level, ``(N, d_j)``, on the CPU.
    """
    network, pooled = module.network, []
    for rows in torch.split(torch.arange(len(moments.labels)), _POOLED_AT_ONCE):
        snippets = moments.snippets.select(rows.tolist()).on(module.device)
        features = module.resample(snippets._replace(values=snippets.values.float()), network.moment_length)
        pooled.append([values.cpu() for values in pool_levels(network.levels(features))])
    return [torch.cat(level) for level in zip(*pooled, strict=True)]


def count_clips(root: Path, categories: Sequence[str]) -> dict[str, int]:
    """Return the number of clips of each category in a folder of ``<category>/<clip>`` video files."""
    counts = dict.fromkeys(categories, 0)
    for clip in scan_moment_folder(root, categories):
        counts[clip.label] += 1
    return counts


def require_clips(root: Path, counts: Mapping[str, int], fewest: int) -> None:
    """Refuse categories with fewer clips than needed, naming their folder below ``root``."""
    for name, count in counts.items():
        if count < fewest:
            raise DataError(
                f"{root / name}: has {count} usable clips, but a category needs at least {fewest}; add clips or leave "
                "the folder out"
            )
