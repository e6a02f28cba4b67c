"""List of unusable videos with their reasons, which several processes write together."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import AherError, DataError
from aher_lightning.features.claims import exclusive
from aher_lightning.files.json_files import json_type, read_json, read_json_object
from aher_lightning.files.owners import write_whole

_LOG = logging.getLogger(__name__)
_VERSION = 1


class UnusableVideo(NamedTuple):
    """A video that must be repaired or left out: its id, its file, and the error with the remedy."""

    video: str
    path: str
    reason: str

    @classmethod
    def from_failure(cls, video: str, path: Path, failure: BaseException) -> UnusableVideo:
        """Return a video with its failure as a one-line reason, and log the traceback at debug level.

        The reason lacks the path that messages of this package begin with, and names the class of any other error.
        """
        _LOG.debug("%s failed:", path, exc_info=failure)
        text = " ".join(str(failure).split())
        if isinstance(failure, AherError):
            return cls(video, str(path), text.removeprefix(f"{path}: "))
        return cls(video, str(path), f"{type(failure).__name__}: {text}" if text else type(failure).__name__)

    @property
    def line(self) -> str:
        """The file and its error."""
        return f"{self.path}: {self.reason}"

    @property
    def kind(self) -> str:
        """Kind of the error, which other videos share: the reason without its details."""
        return re.split(r"[,;:(]", self.reason, maxsplit=1)[0].strip()


def read_unusable_videos(path: Path) -> list[UnusableVideo]:
    """Return the videos of a file ``{"version": 1, "unusable": [{"video": id, "path": file, "reason": text}]}``.

    Raises:
        DataError: If the file cannot be read or has another layout.
    """
    content = read_json_object(path, DataError)
    rows = content.get("unusable")
    if content.get("version") != _VERSION or not isinstance(rows, list):
        raise DataError(f'{path}: is not a list of unusable videos ("version" {_VERSION}, "unusable"); delete it')
    return [_parse(row, path) for row in rows]


class FailureRecords:
    """Failures of single videos, recorded by any number of processes at once.

    Each process records a failure in a file of its own in ``failures``; :meth:`collect` merges them into
    ``failures.json``. The files stay until the last process ends: they tell the others that a video was tried in the
    meantime.

    Args:
        root: Folder of the feature store.

    Raises:
        DataError: If an earlier list there is damaged.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "failures.json"
        self.folder = root / "failures"
        self._lock = root / "failures.lock"
        self._before = {path.stem: path.stat().st_mtime_ns for path in self._notes()}
        self.known = {video.video: video for video in [*self._listed(), *self._noted()]}

    def note(self, video: UnusableVideo) -> None:
        """Record a failure.

        Raises:
            DataError: If the file cannot be written.
        """
        write_whole(self._note(video.video), json.dumps(video._asdict(), ensure_ascii=False) + "\n")

    def noted_since(self, video_id: str) -> UnusableVideo | None:
        """Return the failure of a video, if a process has recorded one since these records were opened."""
        path = self._note(video_id)
        with suppress(FileNotFoundError, DataError):
            if path.stat().st_mtime_ns != self._before.get(video_id):
                return _parse(read_json(path, DataError), path)
        return None

    def forget(self, video_id: str) -> None:
        """Remove the record of a video that has become usable."""
        self._note(video_id).unlink(missing_ok=True)

    def collect(self, usable: Iterable[str], *, is_last: bool, patience_sec: float = 60.0) -> None:
        """Merge all failures, if there ever were any, into ``failures.json``, sorted by id.

        Args:
            usable: Videos that have become usable.
            is_last: Whether no other process is running, which may need the records.
            patience_sec: How long to wait while another process merges.

        Raises:
            DataError: If the list is damaged or cannot be written.
        """
        if self.path.exists() or self._notes() or self._lock.exists():
            with exclusive(self._lock, patience_sec) as is_ours:
                if is_ours:
                    self._collect(set(usable), is_last=is_last)

    def _collect(self, usable: set[str], *, is_last: bool) -> None:
        """Merge all failures while holding the lock."""
        paths = self._notes()
        videos = {video.video: video for video in [*self._listed(), *self._noted()]}
        rows = [video._asdict() for video in sorted(videos.values()) if video.video not in usable]
        write_whole(self.path, json.dumps({"version": _VERSION, "unusable": rows}, indent=1, ensure_ascii=False) + "\n")
        if is_last:
            for path in paths:
                path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty: another process has begun
                self.folder.rmdir()

    def _listed(self) -> list[UnusableVideo]:
        """Failures of earlier runs."""
        return read_unusable_videos(self.path) if self.path.exists() else []

    def _noted(self) -> list[UnusableVideo]:
        """Failures that are not merged yet, as far as they can be read."""
        videos = []
        for path in self._notes():
            with suppress(DataError):
                videos.append(_parse(read_json(path, DataError), path))
        return videos

    def _notes(self) -> list[Path]:
        """Files of all recorded failures."""
        return sorted(self.folder.glob("*.json"))

    def _note(self, video_id: str) -> Path:
        """File of the recorded failure of a video."""
        return self.folder / f"{validate_video_id(video_id, DataError)}.json"


def _parse(row: object, path: Path) -> UnusableVideo:
    """Check one row."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in UnusableVideo._fields):
        raise DataError(
            f"{path}: an unusable video is a JSON {json_type(row)}, not an object with the strings "
            f"{', '.join(UnusableVideo._fields)}; delete the file"
        )
    return UnusableVideo(row["video"], row["path"], row["reason"])
