"""Find video files by name, and report how many other files a folder holds."""

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
"""Suffixes of video files; of files that differ only in suffix, the last one counts."""

_MOST_KINDS = 5
"""Most kinds of files in a message."""

_LOG = logging.getLogger(__name__)


def is_video(path: Path) -> bool:
    """Return whether a file is a video by its name; ``._*``, which macOS leaves beside videos, is not.

    Example:
        >>> is_video(Path("a.MP4")), is_video(Path("._a.mp4")), is_video(Path("a.txt"))
        (True, False, False)
    """
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith("._")


def list_videos(root: Path, folders: Iterable[Path] | None = None, *, below: bool = False) -> list[Path]:
    """Return the video files of a folder by folder and name; the number of other files is logged once.

    Args:
        root: The folder.
        folders: If given, the folders in it to search instead.
        below: Whether to search sub-folders too.

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
    """Return the videos among files found in ``where``, order kept; the number of others is logged once."""
    videos: list[Path] = []
    others: Counter[str] = Counter()
    for path in files:
        if is_video(path):
            videos.append(path)
        else:
            others["._*" if path.name.startswith("._") else path.suffix.lower() or path.name] += 1
    if others:
        kinds = ", ".join(f"{kind} {count}" for kind, count in others.most_common(_MOST_KINDS))
        more = ", ..." if len(others) > _MOST_KINDS else ""
        what = "files that are not videos" if others.total() > 1 else "file that is not a video"
        _warn_once(f"{where}: skipped {others.total()} {what} ({kinds}{more})")
    return videos


def find_by_stem(root: Path) -> dict[str, Path]:
    """Return the video files of a folder by stem; of several, the one of the last suffix of :data:`VIDEO_SUFFIXES`."""
    by_suffix = sorted(list_videos(root), key=lambda path: VIDEO_SUFFIXES.index(path.suffix.lower()))
    return {path.stem: path for path in by_suffix}


@cache
def _warn_once(message: str) -> None:
    """Log a message that this process has not logged before."""
    _LOG.warning("%s", message)
