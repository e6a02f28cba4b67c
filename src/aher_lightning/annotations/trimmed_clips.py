"""Trimmed clips: the moments in a folder, and annotated instances cut out of their videos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.errors import DataError
from aher_lightning.files.video_files import list_videos

MOST_NAMED = 5
"""How many categories an error message names; a setting may have hundreds."""


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


def scan_moment_folder(root: Path, categories: Sequence[str]) -> list[TrimmedClip]:
    """List the moments ``<category>/<clip>`` of a folder, in order of category and file name; ids of :func:`moment_id`.

    Raises:
        DataError: If the folder of a category does not exist.
    """
    return [
        TrimmedClip(moment_id(category, path), None, category) for category, path in _list_moments(root, categories)
    ]


def find_moments(root: Path, categories: Sequence[str]) -> dict[str, Path]:
    """Return the file of every moment that :func:`scan_moment_folder` lists, by id.

    Raises:
        DataError: If the folder of a category does not exist, or two files have the same stem.
    """
    return name_moments(_list_moments(root, categories))


def name_moments(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Return the file of every moment by the id of :func:`moment_id`, order kept.

    Args:
        files: Category and file of each moment.

    Raises:
        DataError: If two files of a category have the same stem.
    """
    named: dict[str, Path] = {}
    for category, path in files:
        name = moment_id(category, path)
        if name in named:
            raise DataError(f"{path}: same name as {named[name].name} except for the extension; rename one of them")
        named[name] = path
    return named


def _list_moments(root: Path, categories: Sequence[str]) -> list[tuple[str, Path]]:
    """Category and file of each moment, in order of category and file name."""
    folders = {root / category: category for category in categories}
    for folder, category in folders.items():
        if not folder.is_dir():
            raise DataError(f"{folder}: no folder of moments for category '{category}'; put its clips there")
    return [(folders[path.parent], path) for path in list_videos(root, folders)] if folders else []


def moment_id(category: str, path: Path) -> str:
    """Return the id ``<category>--<stem>`` of a moment, because file names may repeat between categories.

    Example:
        >>> moment_id("bounce", Path("clips/bounce/003.mp4"))
        'bounce--003'
    """
    return f"{category}--{path.stem}"


def foreground_clips(videos: Iterable[AnnotatedVideo]) -> list[TrimmedClip]:
    """List every annotated instance as a trimmed clip, in order.

    The released code uses only the first instance of a video, see docs/faithfulness.md.
    """
    return [
        TrimmedClip(video.video_id, (instance.start_sec, instance.end_sec), instance.label)
        for video in videos
        for instance in video.instances
    ]
