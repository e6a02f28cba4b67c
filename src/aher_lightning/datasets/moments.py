"""Trimmed clips with one label each: moments, and foreground segments of untrimmed videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils.data import Dataset

from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.snippet_source import SnippetSource
from aher_lightning.errors import DataError
from aher_lightning.ops.randomness import random_generator
from aher_lightning.structures import MomentSample, SnippetSequence

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".avi", ".mov"})

MOST_NAMED = 5
"""Categories that an error message names; a setting may have hundreds."""


class TrimmedClip(NamedTuple):
    """A trimmed clip of one action.

    Attributes:
        video_id: The video that holds it.
        span_sec: Start and end in that video; ``None`` if the video is the clip.
        label: Category name.
    """

    video_id: str
    span_sec: tuple[float, float] | None
    label: str


class MomentDataset(Dataset[tuple[int, MomentSample]]):
    """Trimmed clips and their snippets.

    Args:
        clips: Trimmed clips; every label must be one of ``categories``.
        source: Reads the snippets.
        categories: Category names in the order of their indices.
        max_snippets: If given, a random run of at most so many neighbouring snippets is taken.

    Raises:
        DataError: If there is no clip, or a category has none.
    """

    def __init__(
        self,
        clips: Sequence[TrimmedClip],
        source: SnippetSource,
        categories: Sequence[str],
        *,
        max_snippets: int | None = None,
    ) -> None:
        without = sorted(set(categories) - {clip.label for clip in clips})
        if without or not clips:
            named = ", ".join(without[:MOST_NAMED]) or "any category"
            more = f" and {len(without) - MOST_NAMED} more" if len(without) > MOST_NAMED else ""
            raise DataError(f"no trimmed clip for {named}{more}: add clips or drop the category")
        self.clips = list(clips)
        self.source = source
        self.category_index = {category: index for index, category in enumerate(categories)}
        self.max_snippets = max_snippets

    def __len__(self) -> int:
        return len(self.clips)

    def video_id(self, place: int) -> str:
        """Return the name of the video that a clip is read from.

        Args:
            place: Place of the clip.

        Returns:
            The name.
        """
        return self.clips[place].video_id

    def __getitem__(self, key: SampleKey) -> tuple[int, MomentSample]:
        clip = self.clips[key.place]
        snippets = self.source.read(clip.video_id, clip.span_sec)
        if self.max_snippets is not None:
            snippets = random_run(snippets, self.max_snippets, key.seed_key)
        return key.iteration, MomentSample(clip.video_id, snippets, self.category_index[clip.label])


def random_run(snippets: SnippetSequence, count: int, seed_key: str) -> SnippetSequence:
    """Return a random run of neighbouring snippets, the same for the same key.

    Args:
        snippets: The snippets to choose from, ``N`` of them.
        count: How many to keep; all are kept if there are no more.
        seed_key: What the choice depends on.

    Returns:
        ``min(N, count)`` snippets, placed on the time axis of the run.
    """
    total = len(snippets.values)
    if total <= count:
        return snippets
    first = int(torch.randint(total - count + 1, (), generator=random_generator(seed_key, "run")))
    return SnippetSequence(snippets.values[first : first + count], first_centre=0.5 / count, step=1.0 / count)


def scan_moment_folder(root: Path, categories: Sequence[str]) -> list[TrimmedClip]:
    """List the moments of a folder with one sub-folder per category.

    Args:
        root: Folder that holds ``<category>/<clip>`` video files.
        categories: The categories wanted.

    Returns:
        The clips, in order of category and file name; ids as :func:`moment_id` makes them.

    Raises:
        DataError: If the folder of a category does not exist.
    """
    return [
        TrimmedClip(moment_id(category, path), None, category)
        for category in categories
        for path in _category_files(root, category)
    ]


def find_moments(root: Path, categories: Sequence[str]) -> dict[str, Path]:
    """Return the file of every moment that :func:`scan_moment_folder` lists.

    Args:
        root: Folder that holds ``<category>/<clip>`` video files.
        categories: The categories wanted.

    Returns:
        File by moment id.

    Raises:
        DataError: If the folder of a category does not exist, or two files have the same stem.
    """
    return name_moments((category, path) for category in categories for path in _category_files(root, category))


def name_moments(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the file of every moment by the id that :func:`moment_id` makes.

    Args:
        files: Category and file of each moment.

    Returns:
        File by moment id, order kept.

    Raises:
        DataError: If two files of a category have the same stem.
    """
    named: dict[str, Path] = {}
    for category, path in files:
        name = moment_id(category, path)
        if name in named:
            raise DataError(f"{path}: same name as {named[name].name} but for the ending; rename one of them")
        named[name] = path
    return named


def _category_files(root: Path, category: str) -> list[Path]:
    """The video files of one category, in order of name."""
    folder = root / category
    if not folder.is_dir():
        raise DataError(f"{folder}: no folder of moments for category '{category}'; put its clips there")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)


def moment_id(category: str, path: Path) -> str:
    """Name a moment by category and file, because file names may repeat between categories.

    Args:
        category: Category name.
        path: Video file.

    Returns:
        ``category--stem``.

    Example:
        >>> moment_id("bounce", Path("clips/bounce/003.mp4"))
        'bounce--003'
    """
    return f"{category}--{path.stem}"
