"""Records which videos of an output folder are done, so that an interrupted command resumes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import append_line, check_writable, read_json_object, write_json
from aher_lightning.inference.video_inputs import VideoInput

_SETTINGS_FILE = ".localize.json"
"""The settings of all results in a folder; results of different settings are never mixed."""

_RECORD_FILE = ".localize.jsonl"
"""One line for each finished video file."""

_OTHERWISE = "choose another --output, or add --overwrite to replace"


class _Record(NamedTuple):
    """A finished video.

    Attributes:
        source: Its file.
        size: Bytes of the file.
        mtime_ns: When the file was last changed.
        clips: Folder that clips of it were cut into, if any.
        settings: Hash of the settings.
    """

    source: str
    size: int
    mtime_ns: int
    clips: str | None
    settings: str

    def is_of(self, other: _Record) -> bool:
        """Whether it is the same content, wherever the file is now."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


class FinishedVideos:
    """The videos whose results are in a folder.

    Args:
        folder: Folder of results; made when needed.
        settings: What decides about the results, plain values: weights, and options that change detections.
        clips: Folder that clips are to be cut into as well, if any.
        overwrite: Whether to replace what is there, whatever it was made with.

    Raises:
        PredictionError: If results in the folder were made with other settings, and must not be replaced, or the folder
            cannot be written to.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, object], *, clips: Path | None = None, overwrite: bool = False
    ) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self.clips = None if clips is None else str(clips.absolute())
        self.overwrite = overwrite
        self._path = folder / _SETTINGS_FILE
        self._is_noted = False
        check_writable(self._path, PredictionError)
        if self._path.is_file() and not overwrite:
            self._check()
        self._records = _read_records(folder / _RECORD_FILE)

    def has(self, video: VideoInput, files: Collection[Path]) -> bool:
        """Tell whether results of this very file are there and need not be replaced.

        Args:
            video: The video; redone if its file has changed since.
            files: All files of its results.

        Raises:
            PredictionError: If the results are those of another video of the same name.
        """
        noted = self._records.get(video.name.as_posix())
        if self.overwrite or noted is None or not self._path.is_file() or not all(path.is_file() for path in files):
            return False
        try:
            present = self._record(video)
        except OSError:
            return False  # reading the video will report it
        if not noted.is_of(present) and noted.source != present.source:
            raise PredictionError(
                f"{video.path}: {self.folder} has results of another video of this name, {noted.source}; "
                f"{_OTHERWISE} them"
            )
        # Clips that are not requested now are no reason to redo it.
        return noted.is_of(present) and noted.settings == present.settings and self.clips in (None, noted.clips)

    def note_settings(self, replaced: Iterable[Path] = ()) -> None:
        """Record the settings; call it before the first result is written.

        Args:
            replaced: Result files about to be replaced. Existing ones are removed, so that they cannot pass for results
                of these settings if the command is interrupted.

        Raises:
            PredictionError: If the folder cannot be written.
        """
        if not self._is_noted:
            for path in replaced:
                path.unlink(missing_ok=True)
            write_json(self._path, self.settings, PredictionError)
            self._is_noted = True

    def add(self, video: VideoInput) -> None:
        """Record a finished video; call it after its last result is written."""
        with suppress(OSError):  # the file may be gone by now
            entry = {"name": video.name.as_posix(), **self._record(video)._asdict()}
            append_line(self.folder / _RECORD_FILE, entry, PredictionError)

    def _record(self, video: VideoInput) -> _Record:
        """The record of a video file."""
        status = video.path.stat()
        digest = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]
        return _Record(str(video.path.absolute()), status.st_size, status.st_mtime_ns, self.clips, digest)

    def _check(self) -> None:
        """Refuse a folder whose results were made with other or unknown settings."""
        try:
            noted = read_json_object(self._path, PredictionError)
        except PredictionError:
            raise PredictionError(
                f"{self._path}: is damaged, so the settings of the results beside it are unknown; {_OTHERWISE} them"
            ) from None
        differing = [name for name, value in self.settings.items() if noted.get(name) != value]
        if differing:
            raise PredictionError(
                f"{self.folder}: its results were made with another {' and '.join(differing)}; {_OTHERWISE} them"
            )


def _read_records(path: Path) -> dict[str, _Record]:
    """The finished videos by name. The video of a damaged line is redone."""
    records = {}
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError, TypeError, AttributeError, KeyError):
                entry = json.loads(line)
                name = str(entry.pop("name"))
                records[name] = _Record(**entry)
    return records
