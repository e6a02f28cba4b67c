"""The list of videos that cannot be used, each with the reason, and how processes write it together."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.activitynet import validate_video_id
from aher_lightning.errors import AherError, DataError
from aher_lightning.features.claims import exclusive
from aher_lightning.files.json_files import json_type, read_json, read_json_object
from aher_lightning.files.owners import write_whole

_LOG = logging.getLogger(__name__)
_VERSION = 1
_POLL_SEC = 0.05


class UnusableVideo(NamedTuple):
    """A video that must be mended or left out.

    Attributes:
        video: Name of the video.
        path: Its file.
        reason: What is wrong with the file, and the remedy.
    """

    video: str
    path: str
    reason: str

    @classmethod
    def from_failure(cls, video: str, path: Path, failure: BaseException) -> UnusableVideo:
        """Return a video that could not be used, and log the traceback for debugging.

        Args:
            video: Name of the video.
            path: Its file.
            failure: Why it cannot be used.

        Returns:
            The video, with its reason on one line: without the path that an error of ours begins with, with the
            class of any other error.
        """
        _LOG.debug("%s failed:", path, exc_info=failure)
        text = " ".join(str(failure).split())
        if isinstance(failure, AherError):
            return cls(video, str(path), text.removeprefix(f"{path}: "))
        return cls(video, str(path), f"{type(failure).__name__}: {text}" if text else type(failure).__name__)

    @property
    def line(self) -> str:
        """The file and what is wrong with it."""
        return f"{self.path}: {self.reason}"

    @property
    def kind(self) -> str:
        """What is wrong in a few words, which other videos share: the reason without its details."""
        return re.split(r"[,;:(]", self.reason, maxsplit=1)[0].strip()


def read_unusable_videos(path: Path) -> list[UnusableVideo]:
    """Return the videos of a list of unusable ones.

    Args:
        path: File ``{"version": 1, "unusable": [{"video": id, "path": file, "reason": text}]}``.

    Returns:
        Its videos, in order of the file.

    Raises:
        DataError: If the file cannot be read or has another layout.
    """
    content = read_json_object(path, DataError)
    rows = content.get("unusable")
    if content.get("version") != _VERSION or not isinstance(rows, list):
        raise DataError(f'{path}: is no list of unusable videos ("version" {_VERSION}, "unusable"); delete it')
    return [_parse(row, path) for row in rows]


def write_unusable_videos(path: Path, videos: Iterable[UnusableVideo]) -> None:
    """Write a list of unusable videos, sorted by id.

    Args:
        path: File to write or to replace.
        videos: The videos.

    Raises:
        DataError: If the file cannot be written.
    """
    rows = [video._asdict() for video in sorted(videos)]
    write_whole(path, json.dumps({"version": _VERSION, "unusable": rows}, indent=1, ensure_ascii=False) + "\n")


class FailureRecords:
    """What went wrong with single videos, noted by any number of processes at once.

    Each process notes a failure in a file of its own below ``failures``; :meth:`collect` puts them together in
    ``failures.json``. The notes stay until the last process is done: they tell the others that a video has been
    tried while they were running.

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
        """Note a failure.

        Args:
            video: The video.

        Raises:
            DataError: If the note cannot be written.
        """
        write_whole(self._note(video.video), json.dumps(video._asdict(), ensure_ascii=False) + "\n")

    def noted_since(self, video_id: str) -> UnusableVideo | None:
        """Return the failure of a video that another process has noted since these records were opened.

        Args:
            video_id: Name of the video.

        Returns:
            The failure, or ``None`` if there is none.
        """
        path = self._note(video_id)
        with suppress(FileNotFoundError, DataError):
            if path.stat().st_mtime_ns != self._before.get(video_id):
                return _parse(read_json(path, DataError), path)
        return None

    def forget(self, video_id: str) -> None:
        """Remove the note about a video that could be used after all.

        Args:
            video_id: Name of the video.
        """
        self._note(video_id).unlink(missing_ok=True)

    def collect(self, usable: Iterable[str], *, is_last: bool, patience_sec: float = 60.0) -> None:
        """Put all failures together in ``failures.json``, which is written if there ever were any.

        Args:
            usable: Videos that have turned out to be usable.
            is_last: Whether no other process is at work, which may need the notes.
            patience_sec: How long to wait while another process is at it.

        Raises:
            DataError: If the list is damaged or cannot be written.
        """
        until = time.monotonic() + patience_sec
        while self.path.exists() or self._notes() or self._lock.exists():
            with exclusive(self._lock) as is_ours:
                if is_ours:
                    self._collect(set(usable), is_last=is_last)
            if is_ours or time.monotonic() > until:
                return
            time.sleep(_POLL_SEC)

    def _collect(self, usable: set[str], *, is_last: bool) -> None:
        """The same, as the only process at it."""
        paths = self._notes()
        videos = {video.video: video for video in [*self._listed(), *self._noted()]}
        write_unusable_videos(self.path, [video for name, video in videos.items() if name not in usable])
        if is_last:
            for path in paths:
                path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty: another process has begun
                self.folder.rmdir()

    def _listed(self) -> list[UnusableVideo]:
        """Failures of earlier runs."""
        return read_unusable_videos(self.path) if self.path.exists() else []

    def _noted(self) -> list[UnusableVideo]:
        """Failures that no list holds yet, as far as they can be read."""
        videos = []
        for path in self._notes():
            with suppress(DataError):
                videos.append(_parse(read_json(path, DataError), path))
        return videos

    def _notes(self) -> list[Path]:
        """Files of all notes."""
        return sorted(self.folder.glob("*.json"))

    def _note(self, video_id: str) -> Path:
        """File of the note about a video."""
        return self.folder / f"{validate_video_id(video_id, DataError)}.json"


def _parse(row: object, path: Path) -> UnusableVideo:
    """Check one row."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in UnusableVideo._fields):
        raise DataError(
            f"{path}: an unusable video is a JSON {json_type(row)} in place of an object with the texts "
            f"{', '.join(UnusableVideo._fields)}; delete the file"
        )
    return UnusableVideo(row["video"], row["path"], row["reason"])
