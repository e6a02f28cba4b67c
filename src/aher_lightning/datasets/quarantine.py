"""Quarantine of videos that cannot be decoded: those listed in a file, and those found during a run."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.annotations.text_files import read_lines
from aher_lightning.annotations.video_lists import read_video_list
from aher_lightning.errors import AnnotationError, DataError
from aher_lightning.files.json_files import MalformedError, append_line, json_type, read_json

_LOG = logging.getLogger(__name__)

QUARANTINE_FILE = "quarantine.jsonl"
"""List of the videos that a run could not decode, in the trainer's ``default_root_dir``."""

_ENTRY = '{"video": id, "path": file, "reason": text}'


def read_quarantine(path: Path) -> frozenset[str]:
    """Return the ids of unusable videos, perhaps none.

    Args:
        path: A report of ``aher check`` or ``aher extract`` (JSON with the list "unusable"), the file of a run
            (``.jsonl``, one entry per line), or a list of
            :func:`~aher_lightning.annotations.video_lists.read_video_list`.

    Raises:
        AnnotationError: If the file is missing or has another layout.
    """
    if path.suffix == ".jsonl":
        lines = enumerate(read_lines(path, f"lines of {_ENTRY}"), start=1)
        return frozenset(_read_line(path, number, line) for number, line in lines if line.strip())
    if path.suffix != ".json":
        return read_video_list(path)
    content = read_json(path, AnnotationError)
    if not isinstance(content, dict) or "unusable" not in content:
        return read_video_list(path)
    entries = content["unusable"]
    if not isinstance(entries, list):
        raise AnnotationError(f'{path}: "unusable" is a JSON {json_type(entries)}; expected a list of {_ENTRY}')
    return frozenset(_video_of(path, f"entry {place}", entry) for place, entry in enumerate(entries))


def _read_line(path: Path, number: int, line: str) -> str:
    """Video id of one line."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError:
        raise AnnotationError(f"{path}: line {number} is not valid JSON; expected {_ENTRY}") from None
    return _video_of(path, f"line {number}", entry)


def _video_of(path: Path, where: str, entry: object) -> str:
    """Video id of an entry."""
    video_id = entry.get("video") if isinstance(entry, dict) else None
    if not isinstance(video_id, str):
        raise AnnotationError(f"{path}: {where} names no video; expected {_ENTRY}")
    try:
        return validate_video_id(video_id, MalformedError)
    except MalformedError as reason:
        raise AnnotationError(f"{path}: {where}: {reason}") from None


class Quarantine:
    """The videos that could not be decoded in this run.

    Each process remembers its own. All append to one file, a line per video, which a later run can take as its option
    ``quarantine``.

    Args:
        path: The file, to which lines are only added; ``None`` keeps them in memory.
        files: Video file by id, as far as known, for the report.
    """

    def __init__(self, path: Path | None = None, files: Mapping[str, Path] | None = None) -> None:
        self.path = path
        self.files = dict(files or {})
        self.reasons: dict[str, str] = {}
        # A video that failed in an earlier run into the same folder is reported again.
        self._first_byte = path.stat().st_size if path is not None and path.is_file() else 0

    def __contains__(self, video_id: object) -> bool:
        return video_id in self.reasons

    def __len__(self) -> int:
        return len(self.reasons)

    def add(self, video_id: str, reason: str) -> None:
        """Add a video with its reason, one line, and report it unless a process of this run has already.

        Raises:
            DataError: If the file cannot be written.
        """
        if video_id in self:
            return
        self.reasons[video_id] = reason
        if video_id in self._reported():
            return
        _LOG.warning("quarantined video %r: %s", video_id, reason)
        if self.path is not None:
            entry = {"video": video_id, "path": str(self.files.get(video_id, "")), "reason": reason}
            append_line(self.path, entry, DataError, place="'default_root_dir'")

    def _reported(self) -> set[str]:
        """Videos that any process of this run has reported."""
        if self.path is None or not self.path.is_file():
            return set()
        with self.path.open("rb") as file:
            file.seek(self._first_byte)
            return {json.loads(line)["video"] for line in file.read().splitlines()}
