"""What a check of all videos has found: as JSON, which data modules read again, and on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Column, Table
from rich.text import Text

from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.errors import DataError
from aher_lightning.files.json_files import write_json
from aher_lightning.reports.terminal_tables import number_column, open_table, printable

VERSION = 1
"""Of the layout of the JSON file."""

MOST_NAMED = 3
"""Videos of one kind that are named on a terminal."""


class DurationDifference(NamedTuple):
    """A video whose file does not last as long as its annotation says.

    Attributes:
        video: Name of the video.
        annotated_sec: Duration in the annotations, in seconds.
        file_sec: Duration of the file, in seconds.
    """

    video: str
    annotated_sec: float
    file_sec: float


class VideoCheck(NamedTuple):
    """What has become of each video.

    Attributes:
        usable: Number of videos that can be read.
        missing: Annotated videos without a file.
        unusable: Videos with a file that cannot be used.
        duration_differs: Usable videos that last shorter or longer than their annotation says.
    """

    usable: int
    missing: Sequence[str]
    unusable: Sequence[UnusableVideo]
    duration_differs: Sequence[DurationDifference]

    @property
    def files(self) -> int:
        """Number of videos with a file."""
        return self.usable + len(self.unusable)

    def write(self, path: Path) -> None:
        """Write everything as JSON, or nothing.

        Args:
            path: File to write.

        Raises:
            DataError: If it cannot be written.
        """
        content = {
            "version": VERSION,
            "videos": self.files + len(self.missing),
            "usable": self.usable,
            "missing": list(self.missing),
            "unusable": [video._asdict() for video in self.unusable],
            "duration_differs": [video._asdict() for video in self.duration_differs],
        }
        write_json(path, content, DataError, indent=1)

    def table(self) -> Table:
        """Return the counts, with the first few videos of each kind.

        Returns:
            A row per kind; unusable videos by reason, most frequent first.
        """
        table = open_table(
            f"{self.files + len(self.missing)} videos",
            [Column(Text("found")), number_column("videos"), Column(Text("first of them"), overflow="fold")],
        )
        table.add_row("usable", str(self.usable), "")
        if self.duration_differs:
            named = [f"{one.video} ({one.annotated_sec:.1f} s, file {one.file_sec:.1f} s)" for one in self._worst()]
            _add_row(table, "  of these, duration differs", named, len(self.duration_differs))
        if self.missing:
            _add_row(table, "annotated, but no file", self.missing, len(self.missing))
        for kind, names in self._by_kind().items():
            _add_row(table, f"unusable: {kind}", names, len(names))
        return table

    def _worst(self) -> list[DurationDifference]:
        """Videos of wrong duration, those that are off most first."""
        return sorted(self.duration_differs, key=lambda one: -abs(one.annotated_sec - one.file_sec))

    def _by_kind(self) -> dict[str, list[str]]:
        """Names of the unusable videos by what is wrong with them, the most frequent first."""
        kinds: dict[str, list[str]] = {}
        for video in self.unusable:
            kinds.setdefault(video.kind, []).append(video.video)
        return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _add_row(table: Table, kind: str, names: Sequence[str], count: int) -> None:
    """Add a row with the first few names."""
    named = ", ".join(names[:MOST_NAMED]) + (", ..." if count > MOST_NAMED else "")
    table.add_row(Text(printable(kind)), str(count), Text(printable(named)))
