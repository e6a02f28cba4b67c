"""Detections as SRT and WebVTT subtitles, which any player shows over the video."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, write_text
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_rows

_SCORE_DIGITS = 4
"""Digits after the point of the scores shown."""

_MARK = "\N{ZERO WIDTH SPACE}"
"""Keeps players from taking parts of a name for markup: SRT has no escape for ``<``."""


class _Dialect(NamedTuple):
    """What differs between the formats: first block of a file, separator before milliseconds, escaping of names."""

    header: str
    point: str
    escape: Callable[[str], str]


def _escape_srt(name: str) -> str:
    """Return a name in which no player finds a tag or the arrow between two times."""
    return re.sub(">", f"{_MARK}>", re.sub(r"[<{]", rf"\g<0>{_MARK}", name))


def _escape_vtt(name: str) -> str:
    """Return a name with references in place of what would be markup."""
    return html.escape(name, quote=False)


_SRT = _Dialect("", ",", _escape_srt)
_VTT = _Dialect("WEBVTT", ".", _escape_vtt)


def write_srt(path: Path, rows: Sequence[DetectionRow]) -> None:
    """Write the detections of a video as SubRip subtitles, atomically.

    Each cue shows ``label (score)`` for as long as the detection lasts, to the millisecond; overlapping cues are shown
    together. As players expect, cues are ordered by time. The number of a cue is the rank of its detection among the
    rows, from 1. Write few rows, see :func:`~aher_lightning.reports.videos.detection_rows.best_rows`: a hundred at once
    would hide the picture.

    Args:
        path: File to write or to replace, UTF-8; for players to find it, name it after the video.
        rows: Detections; may be empty.

    Raises:
        PredictionError: If a number is not finite, a segment does not end after its start or starts before 0, a label
            is empty or contains a line break, or the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_srt(Path(folder, "v.srt"), [DetectionRow("wave", 0.75, 1.5, 64.0)])
        ...     print(Path(folder, "v.srt").read_text(), end="")
        1
        00:00:01,500 --> 00:01:04,000
        wave (0.7500)
    """
    _write(path, rows, _SRT)


def write_vtt(path: Path, rows: Sequence[DetectionRow]) -> None:
    """Write the detections of a video as WebVTT subtitles; otherwise like :func:`write_srt`.

    Args:
        path: File to write or to replace, UTF-8.
        rows: Detections; may be empty.

    Raises:
        PredictionError: As :func:`write_srt`.
    """
    _write(path, rows, _VTT)


def _write(path: Path, rows: Sequence[DetectionRow], dialect: _Dialect) -> None:
    """Check and write rows."""
    try:
        check_rows(rows)
        cues = [(_span_ms(number, row), number, row) for number, row in enumerate(rows)]
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: {reason}") from None
    blocks = [dialect.header] if dialect.header else []
    for (start_ms, end_ms), number, row in sorted(cues, key=lambda cue: (cue[0][0], cue[1])):
        times = f"{_clock(start_ms, dialect.point)} --> {_clock(end_ms, dialect.point)}"
        blocks.append(f"{number + 1}\n{times}\n{dialect.escape(row.label)} ({row.score:.{_SCORE_DIGITS}f})")
    write_text(path, "\n\n".join(blocks) + "\n" * bool(blocks), PredictionError)


def _span_ms(number: int, row: DetectionRow) -> tuple[int, int]:
    """Return start and end in milliseconds, at least one apart."""
    start_ms = round(1000 * row.start_sec)
    if start_ms < 0:
        raise MalformedError(f"prediction {number}: starts before the video; clip it to the video")
    return start_ms, max(round(1000 * row.end_sec), start_ms + 1)


def _clock(time_ms: int, point: str) -> str:
    """Return a time in the notation of subtitles."""
    minutes, milliseconds = divmod(time_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"
