"""One file that shows a video and what was found in it, in a browser: a player above a timeline of the detections."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from aher_lightning.annotations.activitynet import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.files.json_files import MalformedError, write_text
from aher_lightning.reports.page_template import render_template
from aher_lightning.reports.terminal_tables import printable
from aher_lightning.reports.videos.detection_rows import DetectionRow

_MEDIA = "media-src 'self' file:"
"""The video is all that a page loads; for pages opened as files, browsers differ in what ``'self'`` is."""


class TableRow(NamedTuple):
    """A segment as a table shows it.

    Attributes:
        place: Its place among all segments of the page.
        label: Category name.
        score: Confidence in the fewest digits that tell it; nothing of ground truth.
        span: Start, end and length as a clock shows them.
        seconds: The same in seconds, to sort by.
    """

    place: int
    label: str
    score: str
    span: tuple[str, str, str]
    seconds: tuple[float, float, float]


class TableSection(NamedTuple):
    """A table of segments.

    Attributes:
        name: Heading and id.
        key: Its id.
        is_scored: Whether the segments have scores.
        rows: The segments.
    """

    name: str
    key: str
    is_scored: bool
    rows: list[TableRow]


def write_video_page(
    path: Path,
    video_path: Path,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None = None,
    title: str | None = None,
) -> None:
    """Write a page that plays a video above a timeline of its detections, atomically.

    The page loads the video, by its place relative to the page, and nothing else: it works without network, and when
    both files are moved together. A click on a detection goes there; the page lists its keys. Browsers play H.264 in
    MP4, VP9 in WebM and little else; of other files the page says that it cannot play them.

    Args:
        path: File to write or to replace.
        video_path: The video; need not exist yet.
        duration_sec: Its duration in seconds.
        rows: Detections, such as ``detection_rows(found, categories)``; shown by category, best first. May be empty.
        ground_truth: Annotated actions, shown above the detections of their category; none if not given.
        title: Title of the page; the name of the video if not given.

    Raises:
        PredictionError: If a number is not finite, a segment ends before its start, the duration is not positive, or
            the file cannot be written.
    """
    try:
        _check(duration_sec, rows, ground_truth or ())
    except MalformedError as reason:
        raise PredictionError(f"{path}: not written: {reason}") from None
    page = render_video_page(
        video_url(path, video_path), video_path.name, duration_sec, rows, ground_truth, title or video_path.name
    )
    write_text(path, page, PredictionError)


def render_video_page(
    url: str,
    file_name: str,
    duration_sec: float,
    rows: Sequence[DetectionRow],
    ground_truth: Sequence[Instance] | None,
    title: str,
) -> str:
    """Return the page of a video as text.

    Args:
        url: Where the video is, relative to the page.
        file_name: Name of the video.
        duration_sec: Its duration in seconds.
        rows: Detections.
        ground_truth: Annotated actions, or none.
        title: Title of the page.

    Returns:
        HTML. Names are escaped wherever they stand.
    """
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
    sections = [TableSection("Detections", "detections", True, tables[: len(best)])]
    if ground_truth is not None:
        sections.append(TableSection("Ground truth", "truth", False, tables[len(best) :]))
    values: dict[str, object] = {
        "title": printable(title),
        "file_name": printable(file_name),
        "url": url,
        "counts": _counts(best, truth, duration_sec, has_truth=ground_truth is not None),
        "sections": sections,
        "data": _script_data(data),
    }
    return render_template("video_page", values, allowed=_MEDIA)


def video_url(page: Path, video: Path) -> str:
    """Return where a video is, seen from a page, as a browser wants it.

    Links are not followed: a browser takes both paths as they are written.

    Args:
        page: File of the page.
        video: File of the video.

    Returns:
        A relative address with everything but letters, digits and ``_.-~/`` encoded.

    Example:
        >>> video_url(Path("out/pages/a.html"), Path("out/my videos/50%?.mp4"))
        '../my%20videos/50%25%3F.mp4'
    """
    relative = os.path.relpath(video, page.parent)
    return "/".join(quote(os.fsencode(part), safe="") for part in Path(relative).parts)


def clock(time_sec: float) -> str:
    """Return a time as players show it, to hundredths of a second.

    Args:
        time_sec: Seconds.

    Returns:
        Minutes and seconds, after hours if there are any.

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
        raise MalformedError(f"the video lasts {duration_sec:g} s; give its duration")
    truth = [DetectionRow(label, 0.0, start_sec, end_sec) for label, start_sec, end_sec in ground_truth]
    for kind, segments in (("prediction", rows), ("annotated action", truth)):
        for number, segment in enumerate(segments):
            # Zero-length annotations exist; they are shown as a line.
            if not all(map(math.isfinite, segment[1:])) or segment.end_sec < segment.start_sec:
                raise MalformedError(f"{kind} {number}: a number is not finite, or the segment ends before its start")


def _table_row(place: int, row: DetectionRow) -> TableRow:
    """Return what a table shows of a segment."""
    seconds = row.start_sec, row.end_sec, row.end_sec - row.start_sec
    score = "" if math.isnan(row.score) else f"{row.score:.3g}" if abs(row.score) < 0.1 else f"{row.score:.3f}"
    return TableRow(place, row.label, score, (clock(seconds[0]), clock(seconds[1]), clock(seconds[2])), seconds)


def _counts(
    rows: Sequence[DetectionRow], truth: Sequence[DetectionRow], duration_sec: float, *, has_truth: bool
) -> str:
    """Return how much there is to see."""
    number = len({printable(row.label) for row in rows})
    categories = f" in {number:,} {'category' if number == 1 else 'categories'}" if rows else ""
    text = f"{len(rows):,} detection{'s' * (len(rows) != 1)}{categories}"
    annotated = f", {len(truth):,} annotated action{'s' * (len(truth) != 1)}" if has_truth else ""
    return f"{text}{annotated}, {clock(duration_sec)}"


def _script_data(value: object) -> Markup:
    """Return JSON that stays within its element whatever names hold: no ``<`` can close it."""
    return Markup(json.dumps(value, allow_nan=False).replace("<", "\\u003c"))
