"""Temporal annotations in the layout of ActivityNet: who does what, from when to when, in which video."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from aher_lightning.errors import AnnotationError
from aher_lightning.json_files import MalformedError, finite_number, json_type, read_json_object
from aher_lightning.structures import Detections

_LOG = logging.getLogger(__name__)

InvalidPolicy = Literal["error", "drop", "keep"]
"""What to do with an instance that ends before it has begun: refuse the file, leave it out, or keep it."""

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
        num_dropped: Invalid instances that were left out on reading.
    """

    video_id: str
    subset: str
    duration_sec: float
    instances: tuple[Instance, ...]
    num_dropped: int = 0

    @classmethod
    def from_entries(
        cls, video_id: str, subset: str, duration_sec: float, entries: Sequence[Instance | None]
    ) -> AnnotatedVideo:
        """Return the video that the entries of a file make up.

        Args:
            video_id: Name of the video.
            subset: Part of the data set it belongs to.
            duration_sec: Duration in seconds.
            entries: Its actions, in file order; ``None`` stands for one that is left out.

        Returns:
            The video, with the number of those left out.
        """
        kept = tuple(entry for entry in entries if entry is not None)
        return cls(video_id, subset, duration_sec, kept, len(entries) - len(kept))

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
    path: Path, *, categories: Collection[str] | None = None, on_invalid: InvalidPolicy = "error"
) -> dict[str, AnnotatedVideo]:
    """Return the videos of an annotation file in ActivityNet layout, in file order.

    The layout is ``{"database": {ID: {"subset", "duration", "annotations": [{"label", "segment"}]}}}``; other
    keys are ignored. Segments may reach outside ``[0, duration]``, as 20 of ActivityNet v1.3 do: see
    :meth:`AnnotatedVideo.clipped`. The 12 instances of ActivityNet v1.3 that last zero seconds make the file
    invalid by default; ``"drop"`` leaves them out (for training), ``"keep"`` keeps those of zero seconds but not
    those that end before they start (for evaluation: the official evaluator counts them as instances that nobody
    finds).

    Args:
        path: Annotation file.
        categories: If given, any other label is an error.
        on_invalid: What to do with instances whose end is not after their start.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If the file is missing, empty, no JSON, not in this layout, or has an entry that cannot
            be used; the message names the file, the video and the entry.
    """
    database = read_json_object(path, AnnotationError).get("database")
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
    report_dropped(path, videos.values())
    return videos


def report_dropped(path: Path, videos: Iterable[AnnotatedVideo]) -> None:
    """Warn of instances that were left out on reading.

    Args:
        path: File or folder that was read.
        videos: What it holds.
    """
    num_dropped = sum(video.num_dropped for video in videos)
    if num_dropped:
        _LOG.warning("%s: left out %d instances whose end is not after their start", path, num_dropped)


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
    """Return label and segment of one entry of an annotation or prediction file.

    Only the types are checked: whether the segment may be empty is for the caller to say.

    Args:
        entry: Parsed JSON value.
        categories: Names that may occur; ``None`` allows any.

    Returns:
        Label and segment in seconds.

    Raises:
        MalformedError: If it is no object with a known ``"label"`` and a ``"segment"`` of two finite numbers.
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
    return Instance(label, finite_number(segment[0], "segment start"), finite_number(segment[1], "segment end"))


def is_usable(instance: Instance, on_invalid: InvalidPolicy) -> bool:
    """Tell whether to keep an instance.

    Args:
        instance: The instance.
        on_invalid: What to do with one whose end is not after its start.

    Returns:
        Whether the policy keeps it.

    Raises:
        MalformedError: If the policy demands that it be mended.

    Example:
        >>> is_usable(Instance("jump", 3.0, 3.0), "drop")
        False
    """
    if instance.end_sec > instance.start_sec:
        return True
    if on_invalid == "drop":
        return False
    if on_invalid == "keep" and instance.end_sec == instance.start_sec:
        return True
    raise MalformedError(
        f"segment end {instance.end_sec} is not after its start {instance.start_sec}; mend or remove it"
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
    duration_sec = finite_number(entry.get("duration"), '"duration"')
    if duration_sec <= 0:
        raise MalformedError(f'"duration" must be positive, but is {duration_sec}')
    if not isinstance(annotations, list):
        raise MalformedError('"annotations" must be a list; use [] for a video without instances')
    parsed: list[Instance | None] = []
    try:
        for annotation in annotations:
            instance = parse_instance(annotation, categories)
            parsed.append(instance if is_usable(instance, on_invalid) else None)
    except MalformedError as reason:
        raise MalformedError(f"annotation {len(parsed)}: {reason}") from None
    return AnnotatedVideo.from_entries(video_id, subset, duration_sec, parsed)
