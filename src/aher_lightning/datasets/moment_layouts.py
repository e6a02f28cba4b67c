"""Layouts of moments: one folder per category, file names that tell the category, or spans of longer videos."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.trimmed_clips import (
    TrimmedClip,
    find_moments,
    foreground_clips,
    moment_id,
    name_moments,
    scan_moment_folder,
)
from aher_lightning.annotations.video_selection import list_categories
from aher_lightning.datasets.video_folder import find_videos
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.files.video_files import list_videos

_LOG = logging.getLogger(__name__)

_PLACE = "{category}"
"""Stands for the category in a pattern of file names."""

_TOKEN = re.compile(r"\[[^\]]+\]|.", re.DOTALL)


class MomentLayout(Protocol):
    """Where the moments of a data module come from."""

    @property
    def categories(self) -> list[str]:
        """All categories with moments.

        Raises:
            DataError: If there is no moment.
        """
        ...

    @property
    def unmatched(self) -> dict[str, list[Path]]:
        """Video files that are the moment of no category, by the reason."""
        ...

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories."""
        ...

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return the files that hold the moments of some categories, by the id of the video of the clips."""
        ...


class CategoryFolders:
    """Clips ``<category>/<clip>`` below a root, one folder per category."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def categories(self) -> list[str]:
        """Names of the folders with clips, sorted; see :attr:`MomentLayout.categories`."""
        folders = sorted(path for path in self.root.iterdir() if path.is_dir()) if self.root.is_dir() else []
        names = list(dict.fromkeys(path.parent.name for path in list_videos(self.root, folders)))
        if not names:
            raise DataError(
                f"{self.root}: has no folder of clips for any category; put clips into {self.root}/<category>, or set "
                "'moment_names' if file names tell the category"
            )
        return names

    @property
    def unmatched(self) -> dict[str, list[Path]]:
        """Videos beside the folders; see :attr:`MomentLayout.unmatched`."""
        return {"moments, in no folder of a category": list_videos(self.root)}

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        return scan_moment_folder(self.root, categories)

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return their files; see :meth:`MomentLayout.paths`."""
        return find_moments(self.root, categories)


class NamePattern:
    """A glob pattern of file names without ending that tell the category, such as ``v_{category}_g*_c*``.

    ``*`` stands for any characters, ``?`` for one, ``[1-4]`` and ``[!x]`` for one of a set; case matters. Where a
    name fits in several ways, the part before the category is as short as possible, and the category as long as
    possible.

    Args:
        pattern: The pattern, with ``{category}`` once.

    Raises:
        ConfigError: If ``{category}`` is missing or occurs twice.

    Example:
        >>> NamePattern("v_{category}_g*_c*").category("v_Playing_guitar_g01_c02")
        'Playing_guitar'
    """

    def __init__(self, pattern: str) -> None:
        parts = pattern.split(_PLACE)
        if len(parts) != 2:
            raise ConfigError(
                f"the pattern '{pattern}' has {_PLACE} {len(parts) - 1} times; write it once, as in "
                "'v_{category}_g*_c*'"
            )
        self.pattern = pattern
        before, after = ("".join(map(_expression, _TOKEN.findall(part))) for part in parts)
        self._expression = re.compile(f"{before}(?P<category>.+){after}", re.DOTALL)

    def category(self, name: str) -> str | None:
        """Return the category of a file name without ending, or ``None`` if the name does not match."""
        match = self._expression.fullmatch(name)
        return None if match is None else match["category"]


def _expression(token: str) -> str:
    """The regular expression of a wildcard or a plain character."""
    if len(token) > 1:
        inside = token[1:-1].replace("\\", "\\\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return {"*": ".*?", "?": "."}.get(token, re.escape(token))


class NamedFiles:
    """Clips of all categories in one folder, whose file names tell the category.

    Args:
        root: Folder of the clips.
        pattern: Pattern of file names; other files are left out and counted.
    """

    def __init__(self, root: Path, pattern: NamePattern) -> None:
        self.root = root
        self.pattern = pattern

    @cached_property
    def _files(self) -> list[tuple[str, Path]]:
        """Category and file of each clip, by file name; found on first use."""
        videos = list_videos(self.root)
        named = [(self.pattern.category(path.stem), path) for path in videos]
        found = [(category, path) for category, path in named if category is not None]
        others = [path.name for category, path in named if category is None]
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
        """Categories of the file names, sorted; see :attr:`MomentLayout.categories`."""
        return sorted({category for category, _ in self._files})

    @property
    def unmatched(self) -> dict[str, list[Path]]:
        """Files of other names; see :attr:`MomentLayout.unmatched`."""
        others = [path for path in list_videos(self.root) if self.pattern.category(path.stem) is None]
        return {f"moments, no name like '{self.pattern.pattern}'": others}

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        chosen = frozenset(categories)
        return [TrimmedClip(moment_id(label, path), None, label) for label, path in self._files if label in chosen]

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return their files; see :meth:`MomentLayout.paths`."""
        chosen = frozenset(categories)
        return name_moments((label, path) for label, path in self._files if label in chosen)


class CutMoments:
    """Annotated instances, each cut out of its video as a moment.

    Args:
        root: Folder of the videos.
        videos: Annotated video by id.
    """

    def __init__(self, root: Path, videos: Mapping[str, AnnotatedVideo]) -> None:
        self.root = root
        self.videos = videos

    @property
    def categories(self) -> list[str]:
        """Annotated categories, in the order of their first instance; see :attr:`MomentLayout.categories`."""
        return list_categories(self.videos)

    @property
    def unmatched(self) -> dict[str, list[Path]]:
        """None, as annotations name the videos; see :attr:`MomentLayout.unmatched`."""
        return {}

    def clips(self, categories: Sequence[str]) -> list[TrimmedClip]:
        """Return the moments of some categories; see :meth:`MomentLayout.clips`."""
        chosen = frozenset(categories)
        clips = foreground_clips(video.clipped() for video in self.videos.values())
        return [clip for clip in clips if clip.label in chosen]

    def paths(self, categories: Sequence[str]) -> dict[str, Path]:
        """Return the existing files of their videos; see :meth:`MomentLayout.paths`."""
        return find_videos(self.root, dict.fromkeys(clip.video_id for clip in self.clips(categories)))
