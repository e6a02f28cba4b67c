"""A self-contained HTML page for one video: a player above a timeline of its detections."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from aher_lightning.annotations.records import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.files.atomic import write_text
from aher_lightning.files.json_files import MalformedError
from aher_lightning.reports.page_template import render_template
from aher_lightning.reports.terminal_tables import printable
from aher_lightning.reports.videos.detection_rows import DetectionRow

_MEDIA = "media-src 'self' file:"
"""The page loads only the video; browsers differ in what ``'self'`` means for pages opened from disk."""


class _TableRow(NamedTuple):
    """A segment in a table: its place on the page, its score as text (empty for ground truth), and its times."""

    place: int
    label: str
    score: str
    span: tuple[str, str, str]
    seconds: tuple[float, float, float]


class _TableSection(NamedTuple):
    """A table of segments under a heading."""

    name: str
    key: str
    is_scored: bool
    rows: list[_TableRow]


def write_video_page(
    path: Path,
    video_path: Path,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None = None,
) -> None:
    """Write a page that plays a video above a timeline of its detections, atomically.

    The page works offline: it loads only the video, by its relative path, so both files can be moved together.
    Clicking a detection seeks to it; the page lists its keys. Browsers play H.264 in MP4, VP9 in WebM and little else;
    for other files the page says that it cannot play them.

    Args:
        path: File to write or to replace.
        video_path: The video; need not exist yet.
        duration_sec: Its duration in seconds.
        rows: Detections, such as ``detection_rows(found, categories)``; shown by category, best first. May be empty.
        ground_truth: Annotated actions, shown above the detections of their category; omitted if ``None``.

    Raises:
        PredictionError: If a number is not finite, a segment ends before its start, the duration is not positive, or
            the file cannot be written.
    """
    try:
        _check(duration_sec, rows, ground_truth or ())
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: {reason}") from None
    page = render_video_page(video_url(path, video_path), video_path.name, duration_sec, rows, ground_truth)
    write_text(path, page, PredictionError)


def render_video_page(
    url: str,
    file_name: str,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None,
) -> str:
    """Return the HTML of a video page, with all names escaped; ``url`` is the video relative to the page."""
    best = sorted(rows, key=lambda row: -row.score)
    truth = [DetectionRow(one.label, math.nan, one.start_sec, one.end_sec) for one in ground_truth or ()]
    segments = [row._replace(label=printable(row.label)) for row in [*best, *truth]]
    names = list(dict.fromkeys(row.label for row in segments))
    places = {name: place for place, name in enumerate(names)}
    data = {
        "duration": duration_sec,
        "categories": names,
        "segments": [
            [places[row.label], None if math.isnan(row.score) else row.score, row.start_sec, row.end_sec]
            for row in segments
        ],
    }
    tables = [_table_row(place, row) for place, row in enumerate(segments)]
    sections = [_TableSection("Detections", "detections", True, tables[: len(best)])]
    if ground_truth is not None:
        sections.append(_TableSection("Ground truth", "truth", False, tables[len(best) :]))
    values: dict[str, object] = {
        "title": printable(file_name),
        "file_name": printable(file_name),
        "url": url,
        "counts": _counts(best, truth, duration_sec, has_truth=ground_truth is not None),
        "sections": sections,
        "data": _script_data(data),
    }
    return render_template("video_page", values, allowed=_MEDIA)


def video_url(page: Path, video: Path) -> str:
    """Return the percent-encoded relative address of a video; links are not followed, as browsers do not either."""
    relative = os.path.relpath(video, page.parent)
    return "/".join(quote(os.fsencode(part), safe="") for part in Path(relative).parts)


def clock(time_sec: float) -> str:
    """Return a time in the notation of players, to hundredths of a second.

    Example:
        >>> clock(64.5), clock(3599.999), clock(-0.25)
        ('1:04.50', '1:00:00.00', '-0:00.25')
    """
    hundredths = round(100 * abs(time_sec))
    minutes, rest = divmod(hundredths, 6000)
    seconds = f"{rest // 100:02d}.{rest % 100:02d}"
    text = f"{minutes // 60}:{minutes % 60:02d}:{seconds}" if minutes >= 60 else f"{minutes}:{seconds}"
    return f"-{text}" if time_sec < 0 and hundredths else text


def _check(duration_sec: float, rows: Sequence[DetectionRow], ground_truth: Sequence[Instance]) -> None:
    """Refuse numbers that no page can show."""
    if not 0 < duration_sec < math.inf:
        raise MalformedError(f"the duration is {duration_sec:g} s; give the duration of the video")
    truth = [DetectionRow(label, 0.0, start_sec, end_sec) for label, start_sec, end_sec in ground_truth]
    for kind, segments in (("prediction", rows), ("annotated action", truth)):
        for number, segment in enumerate(segments):
            # Zero-length annotations exist; they are shown as a line.
            if not all(map(math.isfinite, segment[1:])) or segment.end_sec < segment.start_sec:
                raise MalformedError(f"{kind} {number}: a number is not finite, or the segment ends before its start")


def _table_row(place: int, row: DetectionRow) -> _TableRow:
    """Return a segment as a table shows it."""
    seconds = row.start_sec, row.end_sec, row.end_sec - row.start_sec
    score = "" if math.isnan(row.score) else f"{row.score:.3g}" if abs(row.score) < 0.1 else f"{row.score:.3f}"
    return _TableRow(place, row.label, score, (clock(seconds[0]), clock(seconds[1]), clock(seconds[2])), seconds)


def _counts(
    rows: Sequence[DetectionRow], truth: Sequence[DetectionRow], duration_sec: float, *, has_truth: bool
) -> str:
    """Return the line of counts below the title."""
    number = len({printable(row.label) for row in rows})
    categories = f" in {number:,} {'category' if number == 1 else 'categories'}" if rows else ""
    text = f"{len(rows):,} detection{'s' * (len(rows) != 1)}{categories}"
    annotated = f", {len(truth):,} annotated action{'s' * (len(truth) != 1)}" if has_truth else ""
    return f"{text}{annotated}, {clock(duration_sec)}"


def _script_data(value: object) -> Markup:
    """Return JSON that stays inside its element whatever names contain: no ``<`` can close it."""
    return Markup(json.dumps(value, allow_nan=False).replace("<", "\\u003c"))
