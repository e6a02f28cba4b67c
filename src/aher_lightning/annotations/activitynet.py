"""Temporal annotations in the layout of ActivityNet: who does what, from when to when, in which video."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, decimal_number, json_type, read_json_object
from aher_lightning.structures import Detections

_LOG = logging.getLogger(__name__)

InvalidPolicy = Literal["error", "drop", "keep"]
"""What to do with an instance that is over before it has begun: refuse the file, leave it out, or keep it."""

MissingDurationPolicy = Literal["error", "last_end"]
"""What to do with a video of unknown duration: refuse the file, or let it last until the end of its last instance."""

_LAYOUT = '{"database": {video id: {"subset", "duration", "annotations": [{"label", "segment"}]}}}'

_LONGEST_ID = 200
"""Characters of a video id; a file system takes 255 for a name, which also holds prefix and suffix."""


class Instance(NamedTuple):
    """One action in a video.

    Attributes:
        label: Category name.
        start_sec: Start in seconds.
        end_sec: End in seconds.
    """

    label: str
    start_sec: float
    end_sec: float


class AnnotatedVideo(NamedTuple):
    """What the annotation file says about one video.

    Attributes:
        video_id: Name of the video.
        subset: Part of the data set it belongs to, such as ``"validation"``.
        duration_sec: Duration in seconds.
        instances: Its actions, in file order.
        num_dropped: Instances that were left out on reading, as their end is not after their start.
        num_reversed: Those of them that end before they start.
        has_duration: Whether the duration is that of the video, and not the end of its last instance.
    """

    video_id: str
    subset: str
    duration_sec: float
    instances: tuple[Instance, ...]
    num_dropped: int = 0
    num_reversed: int = 0
    has_duration: bool = True

    @classmethod
    def from_entries(
        cls,
        video_id: str,
        subset: str,
        duration_sec: float | None,
        entries: Sequence[Instance],
        on_invalid: InvalidPolicy,
    ) -> AnnotatedVideo:
        """Return the video that the entries of a file make up.

        Args:
            video_id: Name of the video.
            subset: Part of the data set it belongs to.
            duration_sec: Duration in seconds; ``None`` if it is unknown, which lets the video last until the end of
                its last instance.
            entries: Its actions, in file order, checked by :func:`check_segment`.
            on_invalid: What to do with those whose end is not after their start.

        Returns:
            The video, with the numbers of those left out.
        """
        keeps_empty = on_invalid == "keep"
        kept = tuple(one for one in entries if one.end_sec > one.start_sec or keeps_empty)
        num_reversed = sum(one.end_sec < one.start_sec for one in entries)
        has_duration = duration_sec is not None
        if duration_sec is None:
            duration_sec = max((one.end_sec for one in kept), default=0.0)
        return cls(video_id, subset, duration_sec, kept, len(entries) - len(kept), num_reversed, has_duration)

    def clipped(self) -> AnnotatedVideo:
        """Return the video with its instances cut to ``[0, duration]``; those of which nothing remains are left out.

        For training. Evaluation uses the segments as they are, like the official evaluator.
        """
        spans = [(label, max(start, 0.0), min(end, self.duration_sec)) for label, start, end in self.instances]
        return self._replace(instances=tuple(Instance(*span) for span in spans if span[2] > span[1]))

    def as_targets(self, category_indices: Mapping[str, int]) -> Detections:
        """Return the instances as records for the metrics, in float64 so that nothing is rounded.

        Args:
            category_indices: Index of each category; instances of others are left out.

        Returns:
            Segments in seconds ``(N, 2)``, scores of one ``(N,)`` and labels ``(N,)``.
        """
        known = [instance for instance in self.instances if instance.label in category_indices]
        segments = torch.tensor([[one.start_sec, one.end_sec] for one in known], dtype=torch.float64).reshape(-1, 2)
        labels = torch.tensor([category_indices[one.label] for one in known], dtype=torch.int64)
        return Detections(segments, torch.ones(len(known), dtype=torch.float64), labels)


def validate_video_id(video_id: str, error: type[Exception] = AnnotationError) -> str:
    """Return the id if it is safe as part of a file name; ids come from files that others wrote.

    Args:
        video_id: Name of a video.
        error: What to raise.

    Returns:
        The same id.

    Raises:
        AnnotationError: Or whatever ``error`` is, if the id is empty, over 200 characters, ``.`` or ``..``, or
            holds a path separator or an unprintable character.

    Example:
        >>> validate_video_id("v_-5KAycAQlC4")
        'v_-5KAycAQlC4'
        >>> validate_video_id("../../etc/passwd")
        Traceback (most recent call last):
        aher_lightning.errors.AnnotationError: video id '../../etc/passwd' is no plain file name; rename the video
    """
    is_relative = video_id in {"", ".", ".."} or "/" in video_id or "\\" in video_id
    if is_relative or len(video_id) > _LONGEST_ID or not video_id.isprintable():
        raise error(f"video id {video_id!r:.80} is no plain file name; rename the video")
    return video_id


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
    ActivityNet v1.3 do, 20 of them by more than half a second: see :meth:`AnnotatedVideo.clipped`. The 12 instances
    of ActivityNet v1.3 that last zero seconds make the file invalid by default; ``"drop"`` leaves them out (for
    training), ``"keep"`` keeps those of zero seconds but not those that end before they start (for evaluation: the
    official evaluator counts them as instances that nobody finds).

    Args:
        path: Annotation file.
        categories: If given, any other label is an error.
        on_invalid: What to do with instances whose end is not after their start.
        on_missing_duration: What to do with videos that have no ``"duration"``, as in THUMOS14 files of other
            projects. Evaluation can do without, training cannot.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If the file is missing, empty, no JSON, not in this layout, or has an entry that cannot
            be used; the message names the file, the video and the entry.
    """
    remedy = f"mend or write the file again; expected {_LAYOUT}"
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


def report_dropped(path: Path, videos: Iterable[AnnotatedVideo]) -> None:
    """Warn, in one line, of segments that break a rule: how many of each kind were left out, and how many kept.

    A segment has no length, is reversed, reaches outside the video, or repeats another one of its video with the
    same label. The first two are left out or kept as the reader was told; the others are kept as they are.

    Args:
        path: File or folder that was read.
        videos: What it holds.
    """
    found = list(videos)
    num_reversed = sum(video.num_reversed for video in found)
    left_out = {"of no length": sum(video.num_dropped for video in found) - num_reversed, "reversed": num_reversed}
    kept = {
        "of no length": sum(one.end_sec == one.start_sec for video in found for one in video.instances),
        "outside the video": sum(_is_outside(one, video) for video in found for one in video.instances),
        "duplicates": sum(len(video.instances) - len(set(video.instances)) for video in found),
    }
    parts = [
        f"{verb} {_count_kinds(kinds)}"
        for verb, kinds in (("left out", left_out), ("kept", kept))
        if any(kinds.values())
    ]
    if parts:
        _LOG.warning("%s: %s", path, "; ".join(parts))


def _is_outside(instance: Instance, video: AnnotatedVideo) -> bool:
    """Tell whether a segment reaches outside its video."""
    return instance.start_sec < 0 or instance.end_sec > video.duration_sec


def _count_kinds(numbers: Mapping[str, int]) -> str:
    """The numbers that are not 0, with what they count."""
    return ", ".join(f"{number} {kind}" for kind, number in numbers.items() if number)


def restrict(
    videos: Mapping[str, AnnotatedVideo], *, subset: str | None = None, categories: Collection[str] | None = None
) -> dict[str, AnnotatedVideo]:
    """Return the videos of one subset, with only the instances of some categories.

    Args:
        videos: Video by id.
        subset: Keep videos of this subset; ``None`` keeps all.
        categories: Keep instances of these, and videos that have any; ``None`` keeps all.

    Returns:
        Video by id, order kept.

    Raises:
        AnnotationError: If no video is in the subset, or none of them has an instance of the categories.
    """
    kept = {name: video for name, video in videos.items() if subset is None or video.subset == subset}
    if not kept:
        found = ", ".join(sorted({repr(video.subset) for video in videos.values()})) or "none"
        raise AnnotationError(f"no video is in the subset {subset!r}; subsets that exist: {found}")
    if categories is None:
        return kept
    wanted = frozenset(categories)
    chosen = (
        video._replace(instances=tuple(instance for instance in video.instances if instance.label in wanted))
        for video in kept.values()
    )
    result = {video.video_id: video for video in chosen if video.instances}
    if not result:
        raise AnnotationError(
            f"no video of the subset {subset!r} has an instance of the {len(wanted)} categories asked for; "
            "choose another subset or other categories"
        )
    return result


def without_categories(videos: Mapping[str, AnnotatedVideo], categories: Collection[str]) -> dict[str, AnnotatedVideo]:
    """Return the same videos without the instances of some categories.

    Args:
        videos: Video by id.
        categories: Leave out instances of these; a video that has no others stays.

    Returns:
        Video by id, order kept.
    """
    unwanted = frozenset(categories)
    return {
        name: video._replace(instances=tuple(one for one in video.instances if one.label not in unwanted))
        for name, video in videos.items()
    }


def list_categories(videos: Mapping[str, AnnotatedVideo]) -> list[str]:
    """Return the category names that occur, in the order of their first instance.

    Args:
        videos: Video by id.

    Returns:
        Names without repetition.
    """
    return list(dict.fromkeys(instance.label for video in videos.values() for instance in video.instances))


def parse_instance(entry: object, categories: Collection[str] | None = None) -> Instance:
    """Return label and segment of one entry of an annotation file.

    Only the types are checked: whether the segment may be empty is for the caller to say.

    Args:
        entry: Parsed JSON value.
        categories: Names that may occur; ``None`` allows any.

    Returns:
        Label and segment in seconds.

    Raises:
        MalformedError: If it is no object with a known ``"label"`` and a ``"segment"`` of two finite numbers, or
            strings that are such numbers.
    """
    if not isinstance(entry, dict):
        raise MalformedError(f"is a JSON {json_type(entry)} where an object is expected")
    label, segment = entry.get("label"), entry.get("segment")
    if not isinstance(label, str) or not label:
        raise MalformedError('"label" must be a category name')
    if categories is not None and label not in categories:
        raise MalformedError(f"label {label!r:.80} is not among the {len(categories)} known categories")
    if not isinstance(segment, list) or len(segment) != 2:
        raise MalformedError('"segment" must be [start, end] in seconds')
    return Instance(label, decimal_number(segment[0], "segment start"), decimal_number(segment[1], "segment end"))


def check_segment(instance: Instance, on_invalid: InvalidPolicy) -> Instance:
    """Return an instance, unless the policy demands that it be mended.

    Args:
        instance: The instance.
        on_invalid: What to do with one whose end is not after its start.

    Returns:
        The same instance; :meth:`AnnotatedVideo.from_entries` leaves it out where the policy says so.

    Raises:
        MalformedError: If the policy is "error" and the end is not after the start, or the policy is "keep" and the
            end is before the start.

    Example:
        >>> check_segment(Instance("jump", 3.0, 3.0), "keep")
        Instance(label='jump', start_sec=3.0, end_sec=3.0)
    """
    is_empty = instance.end_sec == instance.start_sec
    if instance.end_sec > instance.start_sec or on_invalid == "drop" or (on_invalid == "keep" and is_empty):
        return instance
    raise MalformedError(
        f"segment end {instance.end_sec} is not after its start {instance.start_sec}; mend or remove it"
    )


def check_durations(source: object, videos: Iterable[AnnotatedVideo]) -> None:
    """Refuse videos of unknown duration.

    Args:
        source: Where they come from, for the message.
        videos: The videos.

    Raises:
        AnnotationError: If the duration of one is unknown.
    """
    for video in videos:
        if not video.has_duration:
            raise AnnotationError(
                f"{source}: video {video.video_id!r:.80}: has no duration, which training and diagnosis need; add it, "
                'or give a file with durations: ActivityNet layout with "duration", a table with a column duration, or '
                "the annotation folder of THUMOS14"
            )


def _parse_video(
    video_id: str, entry: object, categories: frozenset[str] | None, on_invalid: InvalidPolicy
) -> AnnotatedVideo:
    """Check and convert one entry of the database."""
    if not isinstance(entry, dict):
        raise MalformedError(f"is a JSON {json_type(entry)} where an object is expected")
    subset, annotations = entry.get("subset"), entry.get("annotations")
    if not isinstance(subset, str) or not subset:
        raise MalformedError('"subset" must be a name such as "training"')
    duration_sec = decimal_number(entry["duration"], '"duration"') if "duration" in entry else None
    if duration_sec is not None and duration_sec <= 0:
        raise MalformedError(f'"duration" must be positive, but is {duration_sec}')
    if not isinstance(annotations, list):
        raise MalformedError('"annotations" must be a list; use [] for a video without instances')
    parsed: list[Instance] = []
    try:
        for annotation in annotations:
            parsed.append(check_segment(parse_instance(annotation, categories), on_invalid))  # noqa: PERF401 - counts
    except MalformedError as reason:
        raise MalformedError(f"annotation {len(parsed)}: {reason}") from None
    return AnnotatedVideo.from_entries(video_id, subset, duration_sec, parsed, on_invalid)
