"""Temporal annotations in ActivityNet's JSON layout, read and written."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from aher_lightning.annotations.json_values import as_object, positive_number
from aher_lightning.annotations.records import (
    AnnotatedVideo,
    Instance,
    InvalidPolicy,
    MissingDurationPolicy,
    check_durations,
    check_segment,
    report_dropped,
    validate_video_id,
)
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, decimal_number, json_type, read_json_object, write_json

_LAYOUT = '{"database": {video id: {"subset", "duration", "annotations": [{"label", "segment"}]}}}'


def read_activitynet(
    path: Path,
    *,
    categories: Collection[str] | None = None,
    on_invalid: InvalidPolicy = "error",
    on_missing_duration: MissingDurationPolicy = "error",
) -> dict[str, AnnotatedVideo]:
    """Return the videos of an annotation file in ActivityNet layout, in file order.

    The layout is ``{"database": {ID: {"subset", "duration", "annotations": [{"label", "segment"}]}}}``; other
    keys are ignored. Durations and the ends of segments may be strings, see
    :func:`~aher_lightning.files.json_files.decimal_number`. Segments may reach outside ``[0, duration]``, as 1,734 of
    ActivityNet v1.3 do, 20 of them by more than half a second: see :meth:`AnnotatedVideo.clipped`. The 12 empty
    segments of ActivityNet v1.3 make the file invalid by default; ``"drop"`` drops them (for training), ``"keep"``
    keeps empty segments but not reversed ones (for evaluation: the official evaluator counts them as missed).

    Args:
        path: Annotation file.
        categories: If given, any other label is an error.
        on_invalid: What to do with instances whose end is not after their start.
        on_missing_duration: What to do with videos that have no ``"duration"``, as in THUMOS14 files of other
            projects. Evaluation works without durations, training does not.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If the file is missing, empty, not JSON, not in this layout, or has an invalid entry; the
            message names the file, the video and the entry.
    """
    remedy = f"correct the file or write it again; expected {_LAYOUT}"
    database = read_json_object(path, AnnotationError, remedy=remedy).get("database")
    if not isinstance(database, dict):
        found = "is missing" if database is None else f"is a JSON {json_type(database)}"
        raise AnnotationError(f'{path}: "database" {found}; expected {{"database": {{video id: {{...}}}}}}')
    known = None if categories is None else frozenset(categories)
    videos: dict[str, AnnotatedVideo] = {}
    video_id = ""
    try:
        for video_id, entry in database.items():
            validate_video_id(video_id, MalformedError)
            videos[video_id] = _parse_video(video_id, entry, known, on_invalid)
    except MalformedError as reason:
        raise AnnotationError(f"{path}: video {video_id!r:.80}: {reason}") from None
    if on_missing_duration == "error":
        check_durations(path, videos.values())
    report_dropped(path, videos.values())
    return videos


def write_activitynet(path: Path, videos: Iterable[AnnotatedVideo]) -> None:
    """Write annotations atomically and without rounding; unknown durations are left out.

    :func:`read_activitynet` returns the same videos.

    Raises:
        AnnotationError: If the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     video = AnnotatedVideo("v1", "training", 60.0, (Instance("jump", 1.5, 4.0),))
        ...     write_activitynet(Path(folder, "a.json"), [video])
        ...     print(Path(folder, "a.json").read_text()[13:])
        {"v1": {"subset": "training", "duration": 60.0, "annotations": [{"label": "jump", "segment": [1.5, 4.0]}]}}}
        <BLANKLINE>
    """
    database = {}
    for video in videos:
        duration = {"duration": video.duration_sec} if video.has_duration else {}
        entries = [{"label": label, "segment": [start, end]} for label, start, end in video.instances]
        database[video.video_id] = {"subset": video.subset, **duration, "annotations": entries}
    write_json(path, {"database": database}, AnnotationError)


def _parse_video(
    video_id: str, entry: object, categories: frozenset[str] | None, on_invalid: InvalidPolicy
) -> AnnotatedVideo:
    """Check and convert one entry of the database."""
    fields = as_object(entry)
    subset, annotations = fields.get("subset"), fields.get("annotations")
    if not isinstance(subset, str) or not subset:
        raise MalformedError('"subset" must be a name such as "training"')
    duration_sec = positive_number(fields["duration"], '"duration"') if "duration" in fields else None
    if not isinstance(annotations, list):
        raise MalformedError('"annotations" must be a list; use [] for a video without instances')
    parsed: list[Instance] = []
    try:
        for annotation in annotations:
            parsed.append(check_segment(_parse_instance(annotation, categories), on_invalid))  # noqa: PERF401 - counts
    except MalformedError as reason:
        raise MalformedError(f"annotation {len(parsed)}: {reason}") from None
    return AnnotatedVideo.from_entries(video_id, subset, duration_sec, parsed, on_invalid)


def _parse_instance(entry: object, categories: frozenset[str] | None) -> Instance:
    """Check and convert one annotation; the policy decides later whether its segment may be empty."""
    fields = as_object(entry)
    label, segment = fields.get("label"), fields.get("segment")
    if not isinstance(label, str) or not label:
        raise MalformedError('"label" must be a category name')
    if categories is not None and label not in categories:
        raise MalformedError(f"label {label!r:.80} is not among the {len(categories)} known categories")
    if not isinstance(segment, list) or len(segment) != 2:
        raise MalformedError('"segment" must be [start, end] in seconds')
    return Instance(label, decimal_number(segment[0], "segment start"), decimal_number(segment[1], "segment end"))
