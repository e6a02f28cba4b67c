"""Resolve files, folders and patterns on the command line to videos with unique names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import has_magic
from pathlib import Path, PurePath
from typing import NamedTuple

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import DataError
from aher_lightning.features.loose_file import FEATURE_SUFFIX
from aher_lightning.files.video_files import VIDEO_SUFFIXES, choose_videos, list_videos


class VideoInput(NamedTuple):
    """A video file and where its results go.

    Attributes:
        path: The file.
        name: Its place below the folder of results, without an ending: its name, and for files found in a folder
            its sub-folders there.
    """

    path: Path
    name: PurePath


def find_inputs(words: Sequence[Path]) -> list[VideoInput]:
    """Return the videos that the arguments of a command name, each once, in order.

    A folder stands for all video files below it, in alphabetical order; a word with ``*``, ``?`` or ``[]`` that is no
    file for all files and folders that it matches, or for files of features if it ends in ``.npy``. Any other word is
    taken as a file, and reported when it is read if it is missing.

    Args:
        words: Files, folders and patterns.

    Raises:
        DataError: If a folder or a pattern has no video, a pattern or a name is none, or results of two videos would
            have the same name.
    """
    videos: dict[Path, VideoInput] = {}
    for word in words:
        for video in _expand(word):
            videos.setdefault(video.path.resolve(), video)
    names: dict[PurePath, Path] = {}
    for video in videos.values():
        validate_video_id(video.path.stem, DataError)
        other = names.setdefault(video.name, video.path)
        if other is not video.path:
            raise DataError(
                f"{other} and {video.path}: two of the videos have the same name; localize them into different folders"
            )
    return list(videos.values())


def _expand(word: Path) -> list[VideoInput]:
    """The videos that one word stands for."""
    if word.is_dir():
        if not os.access(word, os.R_OK | os.X_OK):
            raise DataError(f"{word}: cannot be looked into (permission denied); change its rights")
        found, reason = _look_into(word), "holds no video"
    elif has_magic(str(word)) and not word.exists():
        matches = _matches(word)
        files = [path for path in matches if not path.is_dir()]
        if word.suffix != FEATURE_SUFFIX:
            files = choose_videos(word, files)
        inside = [video for path in matches if path.is_dir() for video in _look_into(path)]
        found, reason = [*map(_as_input, files), *inside], "matches no video"
    else:
        return [_as_input(word)]
    if not found:
        raise DataError(f"{word}: {reason} ({', '.join(sorted(VIDEO_SUFFIXES))}); correct it")
    return found


def _matches(pattern: Path) -> list[Path]:
    """The files and folders that a pattern stands for."""
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError as failure:
        reason = " ".join(str(failure).split())
        raise DataError(f"{pattern}: is no pattern ({reason}); give one such as 'cam*/*.mp4'") from None


def _look_into(folder: Path) -> list[VideoInput]:
    """The videos in a folder and below."""
    return [VideoInput(path, path.relative_to(folder).with_suffix("")) for path in list_videos(folder, below=True)]


def _as_input(path: Path) -> VideoInput:
    """A file given directly."""
    return VideoInput(path, PurePath(path.stem))
