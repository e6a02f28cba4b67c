"""The result of a check of all videos: as JSON, which data modules read, and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from rich.table import Column, Table
from rich.text import Text

from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.errors import DataError
from aher_lightning.files.json_files import write_json
from aher_lightning.reports.terminal_tables import first_names, number_column, open_table, printable

_VERSION = 1
"""Version of the JSON layout."""

_MOST_CATEGORIES = 20
"""Categories that the table on the terminal lists; the file has all."""


class DurationDifference(NamedTuple):
    """A video whose file and annotation differ in duration.

    Attributes:
        video: Name of the video.
        annotated_sec: Duration in the annotations, in seconds.
        file_sec: Duration of the file, in seconds.
    """

    video: str
    annotated_sec: float
    file_sec: float


class CategoryClips(NamedTuple):
    """The trimmed clips of a category.

    Attributes:
        category: Its name.
        clips: Number of clips.
        usable: Number of those whose file can be read.
    """

    category: str
    clips: int
    usable: int


class VideoCheck(NamedTuple):
    """State of each video.

    Attributes:
        usable: Number of readable videos.
        missing: Annotated videos without a file.
        unusable: Videos with an unusable file.
        duration_differs: Usable videos whose duration differs from their annotation.
        unmatched: Video files that are left out because of their names, by the reason.
        clips: Trimmed clips of each moment category, if there are any.
    """

    usable: int
    missing: Sequence[str]
    unusable: Sequence[UnusableVideo]
    duration_differs: Sequence[DurationDifference]
    unmatched: Mapping[str, Sequence[Path]] = MappingProxyType({})
    clips: Sequence[CategoryClips] = ()

    @property
    def files(self) -> int:
        """Number of videos with a file."""
        return self.usable + len(self.unusable)

    def write(self, path: Path) -> None:
        """Write everything as JSON, atomically.

        Args:
            path: File to write.

        Raises:
            DataError: If it cannot be written.
        """
        content = {
            "version": _VERSION,
            "videos": self.files + len(self.missing),
            "usable": self.usable,
            "missing": list(self.missing),
            "unusable": [video._asdict() for video in self.unusable],
            "duration_differs": [video._asdict() for video in self.duration_differs],
            "unmatched": {reason: [str(path) for path in paths] for reason, paths in self.unmatched.items()},
            "clips": [one._asdict() for one in self.clips],
        }
        write_json(path, content, DataError, indent=1)

    def table(self) -> Table:
        """Return a table of counts with the first few videos of each kind."""
        table = open_table(
            f"{self.files + len(self.missing)} videos",
            [Column(Text("found")), number_column("videos"), Column(Text("first of them"), overflow="fold")],
        )
        table.add_row("usable", str(self.usable), "")
        if self.duration_differs:
            named = [f"{one.video} ({one.annotated_sec:.1f} s, file {one.file_sec:.1f} s)" for one in self._worst()]
            _add_row(table, "  of these, duration differs", named)
        if self.missing:
            _add_row(table, "annotated, but no file", self.missing)
        for kind, names in self._by_kind().items():
            _add_row(table, f"unusable: {kind}", names)
        for reason, paths in self.unmatched.items():
            _add_row(table, f"left out: {reason}", [path.name for path in paths])
        return table

    def clip_table(self) -> Table:
        """Return a table of the categories and their clips, the fewest first, as far as they fit on a screen."""
        columns = [Column(Text("category")), number_column("clips"), number_column("usable")]
        table = open_table("moments per category", columns)
        fewest = sorted(self.clips, key=lambda one: (one.usable, one.clips))
        for one in fewest[:_MOST_CATEGORIES]:
            table.add_row(Text(printable(one.category)), str(one.clips), str(one.usable))
        if rest := fewest[_MOST_CATEGORIES:]:
            table.add_row(
                f"{len(rest)} more", str(sum(one.clips for one in rest)), str(sum(one.usable for one in rest))
            )
        return table

    def _worst(self) -> list[DurationDifference]:
        """Return the videos of wrong duration, largest difference first."""
        return sorted(self.duration_differs, key=lambda one: -abs(one.annotated_sec - one.file_sec))

    def _by_kind(self) -> dict[str, list[str]]:
        """Return the names of the unusable videos by reason, most frequent first."""
        kinds: dict[str, list[str]] = {}
        for video in self.unusable:
            kinds.setdefault(video.kind, []).append(video.video)
        return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _add_row(table: Table, kind: str, names: Sequence[str]) -> None:
    """Add a row with the first few names."""
    table.add_row(Text(printable(kind)), str(len(names)), Text(first_names(names)))
