"""The ways in which moments lie in a folder: by category, by file name, or as spans of longer videos."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from aher_lightning.annotations.activitynet import AnnotatedVideo, list_categories
from aher_lightning.annotations.trimmed_clips import (
    TrimmedClip,
    find_moments,
    foreground_clips,
    moment_id,
    name_moments,
    scan_moment_folder,
)
from aher_lightning.datasets.name_pattern import NamePattern
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import DataError
from aher_lightning.files.video_files import list_videos

_LOG = logging.getLogger(__name__)


class MomentLayout(Protocol):
    """What a data module asks about moments, wherever they come from."""

    @property
    def categories(self) -> list[str]:
        """All categories that there are moments of.

        Raises:
            DataError: If there is no moment.
        """
        ...

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories.

        Args:
            categories: The categories wanted.

        Returns:
            The clips.
        """
        ...

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return the files that hold the moments of some categories.

        Args:
            categories: The categories wanted.

        Returns:
            File by the id of the video that clips are read from.
        """
        ...


class CategoryFolders:
    """One folder of clips per category.

    Args:
        root: Folder that holds ``<category>/<clip>`` video files.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def categories(self) -> list[str]:
        """Names of the folders with clips, sorted; see :attr:`MomentLayout.categories`."""
        folders = sorted(path for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []
        names = list(dict.fromkeys(path.parent.name for path in list_videos(self.root, folders)))
        if not names:
            raise DataError(
                f"{self.root}: has no folder of clips for any category; put clips into {self.root}/<category>, or say "
                "by 'moment_names' how file names tell the category"
            )
        return names

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        return scan_moment_folder(self.root, categories)

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return their files; see :meth:`MomentLayout.paths`."""
        return find_moments(self.root, categories)


class NamedFiles:
    """Clips of all categories in one folder, whose names tell the category.

    Args:
        root: Folder of the clips.
        pattern: What names look like; files of other names are left out and counted.
    """

    def __init__(self, root: Path, pattern: NamePattern) -> None:
        self.root = root
        self.pattern = pattern

    @cached_property
    def _files(self) -> list[tuple[str, Path]]:
        """Category and file of each clip, by file name; looked up when first asked for."""
        videos = list_videos(self.root)
        told = [(self.pattern.category(path.stem), path) for path in videos]
        found = [(category, path) for category, path in told if category is not None]
        others = [path.name for category, path in told if category is None]
        if not found:
            example = f", such as {others[0]!r}," if others else ""
            raise DataError(
                f"{self.root}: none of the {len(others)} video files{example} has a name like "
                f"'{self.pattern.pattern}'; correct 'moment_names'"
            )
        if others:
            message = "%s: left out %d of %d video files: no name like '%s' (%r first)"
            _LOG.warning(message, self.root, len(others), len(videos), self.pattern.pattern, others[0])
        return found

    @property
    def categories(self) -> list[str]:
        """What the names tell, sorted; see :attr:`MomentLayout.categories`."""
        return sorted({category for category, _ in self._files})

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        chosen = frozenset(categories)
        return [TrimmedClip(moment_id(label, path), None, label) for label, path in self._files if label in chosen]

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return their files; see :meth:`MomentLayout.paths`."""
        chosen = frozenset(categories)
        return name_moments((label, path) for label, path in self._files if label in chosen)


class CutMoments:
    """Annotated instances, each of which is a moment once it is cut out of its video.

    Args:
        root: Folder of the videos.
        videos: What is annotated, video by id.
    """

    def __init__(self, root: Path, videos: Mapping[str, AnnotatedVideo]) -> None:
        self.root = root
        self.videos = videos

    @property
    def categories(self) -> list[str]:
        """What is annotated, in the order of the first instance; see :attr:`MomentLayout.categories`."""
        return list_categories(self.videos)

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        chosen = frozenset(categories)
        clips = foreground_clips(video.clipped() for video in self.videos.values())
        return [clip for clip in clips if clip.label in chosen]

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return the files of their videos that are there; see :meth:`MomentLayout.paths`."""
        return find_videos(self.root, dict.fromkeys(clip.video_id for clip in self.clips(categories)))
