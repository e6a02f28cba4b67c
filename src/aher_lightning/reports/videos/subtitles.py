"""Detections as subtitles, SRT and WebVTT: any player shows them over the video."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, write_text
from aher_lightning.reports.videos.detection_rows import DetectionRow, check_row, check_rows

SCORE_DIGITS = 4
"""Digits after the point of the scores shown."""

_MARK = "\N{ZERO WIDTH SPACE}"
"""Keeps players from taking parts of a name for markup: SRT knows no other way to write ``<``."""

_TEXT = re.compile(rf"(.+) \((-?\d+\.\d{{{SCORE_DIGITS}}})\)")
_TIME = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)[.,](\d{3})")


class _Dialect(NamedTuple):
    """What tells the two formats apart.

    Attributes:
        name: Name of the format.
        header: First block of a file; none if empty.
        point: What stands before the milliseconds.
        escape: From a name to what stands in the file.
        unescape: The way back.
    """

    name: str
    header: str
    point: str
    escape: Callable[[str], str]
    unescape: Callable[[str], str]


def _escape_srt(name: str) -> str:
    """Return a name in which no player finds a tag or the arrow between two times."""
    return re.sub(">", f"{_MARK}>", re.sub(r"[<{]", rf"\g<0>{_MARK}", name))


def _unescape_srt(text: str) -> str:
    """Return the name that :func:`_escape_srt` was given."""
    return re.sub(rf"([<{{]){_MARK}", r"\1", re.sub(f"{_MARK}>", ">", text))


def _escape_vtt(name: str) -> str:
    """Return a name with references in place of what would be markup."""
    return html.escape(name, quote=False)


_SRT = _Dialect("SRT", "", ",", _escape_srt, _unescape_srt)
_VTT = _Dialect("WebVTT", "WEBVTT", ".", _escape_vtt, html.unescape)


def write_srt(path: Path, rows: Sequence[DetectionRow]) -> None:
    """Write the detections of a video as SubRip subtitles, atomically.

    Each cue shows ``label (score)`` for as long as the detection lasts, to the millisecond; overlapping cues are shown
    together. As players expect, cues stand in order of time. The number of a cue is the place of its detection
    among the rows, from 1, so that :func:`read_srt` gives the same order. Write few rows, see
    :func:`~aher_lightning.reports.videos.detection_rows.best_rows`: a hundred at once would hide the picture.

    Args:
        path: File to write or to replace, UTF-8; for players to find it, name it after the video.
        rows: Detections; may be empty.

    Raises:
        PredictionError: If a number is not finite, a segment does not end after its start or starts before 0, a label
            is empty or breaks its line, or the file cannot be written.

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
    """Write the detections of a video as WebVTT subtitles, atomically; else as :func:`write_srt`.

    The identifier of a cue is the place of its detection among the rows, from 1.

    Args:
        path: File to write or to replace, UTF-8.
        rows: Detections; may be empty.

    Raises:
        PredictionError: As :func:`write_srt`.
    """
    _write(path, rows, _VTT)


def read_srt(path: Path) -> list[DetectionRow]:
    """Return the detections of a file that :func:`write_srt` wrote, in the order in which they were given.

    Args:
        path: File to read.

    Returns:
        The rows: times to the millisecond, scores to :data:`SCORE_DIGITS` digits.

    Raises:
        PredictionError: If the file is missing, or holds anything but detections.
    """
    return _read(path, _SRT)


def read_vtt(path: Path) -> list[DetectionRow]:
    """Return the detections of a file that :func:`write_vtt` wrote; else as :func:`read_srt`.

    Args:
        path: File to read.

    Returns:
        The rows.

    Raises:
        PredictionError: If the file is missing, or holds anything but detections.
    """
    return _read(path, _VTT)


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
        blocks.append(f"{number + 1}\n{times}\n{dialect.escape(row.label)} ({row.score:.{SCORE_DIGITS}f})")
    write_text(path, "\n\n".join(blocks) + "\n" * bool(blocks), PredictionError)


def _span_ms(number: int, row: DetectionRow) -> tuple[int, int]:
    """Start and end in milliseconds; what is shorter than one lasts one."""
    start_ms = round(1000 * row.start_sec)
    if start_ms < 0:
        raise MalformedError(f"prediction {number}: starts before the video does; cut it to the video")
    return start_ms, max(round(1000 * row.end_sec), start_ms + 1)


def _clock(time_ms: int, point: str) -> str:
    """A time as subtitles write it."""
    minutes, milliseconds = divmod(time_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}{point}{milliseconds % 1000:03d}"


def _read(path: Path, dialect: _Dialect) -> list[DetectionRow]:
    """Read a file in either format."""
    expected = f"expected {dialect.name} subtitles as written here: number, times, label and score"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as failure:
        raise PredictionError(f"{path}: cannot be read ({failure.strerror}); {expected}") from None
    except UnicodeDecodeError:
        raise PredictionError(f"{path}: is not UTF-8 text; {expected}") from None
    try:
        return _parse(text, dialect)
    except MalformedError as reason:
        raise PredictionError(f"{path}: {reason}; {expected}") from None


def _parse(text: str, dialect: _Dialect) -> list[DetectionRow]:
    """Return the detections of a text in the order of their numbers."""
    # Not `splitlines`: of all that ends a line for it, files have newlines alone.
    blocks = [block for block in re.split(r"\n{2,}", text.strip("\n")) if block]
    if dialect.header:
        if blocks[:1] != [dialect.header]:
            raise MalformedError(f"does not begin with {dialect.header}")
        blocks = blocks[1:]
    numbered = [_parse_cue(place, block, dialect) for place, block in enumerate(blocks, start=1)]
    if sorted(number for number, _ in numbered) != [*range(1, len(blocks) + 1)]:
        raise MalformedError("the numbers of its cues are not 1 to their count")
    return [row for _, row in sorted(numbered, key=lambda cue: cue[0])]


def _parse_cue(place: int, block: str, dialect: _Dialect) -> tuple[int, DetectionRow]:
    """Return number and detection of a cue."""
    lines = block.split("\n")
    times = lines[1].split(" --> ") if len(lines) == 3 else []
    said = _TEXT.fullmatch(lines[2]) if len(times) == 2 else None
    if said is None or re.fullmatch(r"[1-9][0-9]{0,8}", lines[0]) is None:
        raise MalformedError(f"cue {place} is no detection")
    row = DetectionRow(dialect.unescape(said[1]), float(said[2]), *(_seconds(time, place) for time in times))
    check_row(row)
    return int(lines[0]), row


def _seconds(time: str, place: int) -> float:
    """A time of a cue in seconds."""
    found = _TIME.fullmatch(time)
    if found is None:
        raise MalformedError(f"cue {place} has the time {time!r:.40}")
    hours, minutes, seconds, milliseconds = map(int, found.groups())
    return (3_600_000 * hours + 60_000 * minutes + 1000 * seconds + milliseconds) / 1000
