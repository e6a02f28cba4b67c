"""Which files are videos, told by their names, and what a folder holds besides."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path

from aher_lightning.errors import DataError

VIDEO_SUFFIXES = (
    ".3gp",
    ".flv",
    ".m4v",
    ".mpeg",
    ".mpg",
    ".ogv",
    ".ts",
    ".wmv",
    ".avi",
    ".mkv",
    ".mov",
    ".mp4",
    ".webm",
)
"""Endings of video files; of files that differ in nothing else, the last one counts."""

MOST_KINDS = 5
"""Kinds of files that a message names."""

_LOG = logging.getLogger(__name__)


def is_video(path: Path) -> bool:
    """Return whether a file is a video by its name; the files ``._*`` that macOS leaves beside videos are none.

    Args:
        path: The file.

    Returns:
        The answer.

    Example:
        >>> is_video(Path("a.MP4")), is_video(Path("._a.mp4")), is_video(Path("a.txt"))
        (True, False, False)
    """
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("._")


def list_videos(root: Path, folders: Iterable[Path] | None = None, *, below: bool = False) -> list[Path]:
    """Return the video files of a folder; how many other files it has is logged once.

    Args:
        root: The folder.
        folders: If given, folders in it to look into in its place.
        below: Whether to look into folders below as well.

    Returns:
        Files by folder and name.

    Raises:
        DataError: If the folder does not exist.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of videos; put the video files there or correct the path")
    files: list[Path] = []
    for folder in [root] if folders is None else folders:
        found = islice(os.walk(folder), None if below else 1)
        files += sorted(Path(place, name) for place, _, names in found for name in names)
    return choose_videos(root, files)


def choose_videos(where: Path, files: Iterable[Path]) -> list[Path]:
    """Return the videos among files; how many others there are is logged once.

    Args:
        where: What the files were found in, for the message.
        files: The files.

    Returns:
        The videos, order kept.
    """
    videos: list[Path] = []
    others: Counter[str] = Counter()
    for path in files:
        if is_video(path):
            videos.append(path)
        else:
            others["._*" if path.name.startswith("._") else path.suffix.lower() or path.name] += 1
    if others:
        kinds = ", ".join(f"{kind} {count}" for kind, count in others.most_common(MOST_KINDS))
        more = ", ..." if len(others) > MOST_KINDS else ""
        many = others.total() > 1
        told = f"{others.total()} {'files that are no videos' if many else 'file that is no video'} ({kinds}{more})"
        _warn_once(f"{where}: skipped {told}")
    return videos


def find_by_stem(root: Path) -> dict[str, Path]:
    """Return the video files of a folder by their names without ending.

    Args:
        root: The folder.

    Returns:
        File by name; of several, the one whose ending is the last of :data:`VIDEO_SUFFIXES`.

    Raises:
        DataError: If the folder does not exist.
    """
    by_ending = sorted(list_videos(root), key=lambda path: VIDEO_SUFFIXES.index(path.suffix.lower()))
    return {path.stem: path for path in by_ending}


@cache
def _warn_once(message: str) -> None:
    """Log a message that this process has not logged before."""
    _LOG.warning("%s", message)
