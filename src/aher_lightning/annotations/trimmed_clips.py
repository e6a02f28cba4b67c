"""Trimmed clips: the moments in a folder, and annotated instances cut out of their videos."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.errors import DataError, did_you_mean, name_some
from aher_lightning.files.video_files import list_videos

_LOG = logging.getLogger(__name__)


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
        DataError: If the folder of a category does not exist, or its name cannot be one of a folder.
    """
    return [
        TrimmedClip(moment_id(category, path), None, category) for category, path in _list_moments(root, categories)
    ]


def find_moments(root: Path, categories: Sequence[str]) -> dict[str, Path]:
    """Return the file of every moment that :func:`scan_moment_folder` lists, by id.

    Raises:
        DataError: If the folder of a category does not exist, its name cannot be one of a folder, or two files have the
            same stem.
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
    for category in categories:
        _check_folder(root, category)
    folders = {root / category: category for category in categories}
    return [(folders[path.parent], path) for path in list_videos(root, folders)] if folders else []


def _check_folder(root: Path, category: str) -> None:
    """Refuse a category without a folder of its name, naming the folders that there are."""
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of moments; put clips into {root}/<category>, or correct the path")
    if any(sign in category for sign in "/\\") or category in {"", ".", ".."}:
        raise DataError(
            f"category '{category:.80}' cannot be the name of a folder in {root}; rename it without slashes"
        )
    if not (root / category).is_dir():
        found = sorted(path.name for path in root.iterdir() if path.is_dir())
        raise DataError(
            f"{root / category}: no folder of moments for category '{category}'{did_you_mean(category, found)}; put "
            f"its clips there, or correct its name (folders found: {name_some(found)})"
        )


def require_clips_of(categories: Sequence[str], clips: Iterable[TrimmedClip], known: Sequence[str] = ()) -> None:
    """Refuse categories without a clip.

    Args:
        categories: Categories that are learnt from clips.
        clips: The clips.
        known: All categories with clips, for the message; by default those of the clips.

    Raises:
        DataError: If a category has no clip, or there is none at all.

    Example:
        >>> require_clips_of(["clap"], [TrimmedClip("a", None, "clap")])
    """
    labels = dict.fromkeys(clip.label for clip in clips)
    without = sorted({*categories} - {*labels})
    if without or not labels:
        known = known or [*labels]
        named = name_some(without) if without else "any category"
        raise DataError(
            f"no trimmed clip for {named}{did_you_mean(without[0], known) if without else ''}; add clips or remove the "
            f"category (categories found: {name_some(known)})"
        )


def warn_of_single_clips(clips: Iterable[TrimmedClip]) -> None:
    """Warn of categories with one clip only."""
    counts = Counter(clip.label for clip in clips)
    single = [category for category, count in counts.items() if count == 1]
    if single:
        message = "%d of %d categories have a single moment (%s), too few to learn from; add clips"
        _LOG.warning(message, len(single), len(counts), name_some(single))


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
