"""Records of temporal annotations, which every reader returns: who does what, from when to when, in which video."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError
from aher_lightning.structures import Detections

_LOG = logging.getLogger(__name__)

InvalidPolicy = Literal["error", "drop", "keep"]
"""What to do with an instance whose end is not after its start: refuse the file, drop the instance, or keep it."""

MissingDurationPolicy = Literal["error", "last_end"]
"""What to do with a video of unknown duration: refuse the file, or take the end of its last instance."""

_LONGEST_ID = 200
"""Characters of a video id; a file system takes 255 for a name, which also holds prefix and suffix."""


class Instance(NamedTuple):
    """One action in a video: category name, start and end in seconds."""

    label: str
    start_sec: float
    end_sec: float


class AnnotatedVideo(NamedTuple):
    """The annotations of one video.

    Attributes:
        video_id: Name of the video.
        subset: Subset of the data set, such as ``"validation"``.
        duration_sec: Duration in seconds.
        instances: Its actions, in file order.
        num_dropped: Instances dropped on reading because their end is not after their start.
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
        """Return a video with the instances that the policy keeps, and the numbers of those it drops.

        Args:
            video_id: Name of the video.
            subset: Subset of the data set.
            duration_sec: Duration in seconds; ``None`` if unknown, which takes the end of the last instance.
            entries: Its actions, in file order, checked by :func:`check_segment`.
            on_invalid: What to do with those whose end is not after their start.
        """
        keeps_empty = on_invalid == "keep"
        kept = tuple(one for one in entries if one.end_sec > one.start_sec or keeps_empty)
        num_reversed = sum(one.end_sec < one.start_sec for one in entries)
        has_duration = duration_sec is not None
        if duration_sec is None:
            duration_sec = max((one.end_sec for one in kept), default=0.0)
        return cls(video_id, subset, duration_sec, kept, len(entries) - len(kept), num_reversed, has_duration)

    def clipped(self) -> AnnotatedVideo:
        """Return the video with its instances clipped to ``[0, duration]``; those outside are dropped.

        For training. Evaluation leaves segments unclipped, like the official evaluator.
        """
        spans = [(label, max(start, 0.0), min(end, self.duration_sec)) for label, start, end in self.instances]
        return self._replace(instances=tuple(Instance(*span) for span in spans if span[2] > span[1]))

    def as_targets(self, category_indices: Mapping[str, int]) -> Detections:
        """Return the instances of known categories as targets of the metrics, in float64 to avoid rounding.

        Args:
            category_indices: Index of each category; instances of others are dropped.

        Returns:
            Segments in seconds ``(N, 2)``, scores of one ``(N,)`` and labels ``(N,)``.
        """
        known = [instance for instance in self.instances if instance.label in category_indices]
        segments = torch.tensor([[one.start_sec, one.end_sec] for one in known], dtype=torch.float64).reshape(-1, 2)
        labels = torch.tensor([category_indices[one.label] for one in known], dtype=torch.int64)
        return Detections(segments, torch.ones(len(known), dtype=torch.float64), labels)


def validate_video_id(video_id: str, error: type[Exception] = AnnotationError) -> str:
    """Return the id if it is safe as part of a file name; ids come from untrusted files.

    Raises:
        AnnotationError: Or ``error``, if the id is empty, over 200 characters, ``.`` or ``..``, or holds a path
            separator or an unprintable character.

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


def check_segment(instance: Instance, on_invalid: InvalidPolicy) -> Instance:
    """Return an instance, unless the policy refuses it; :meth:`AnnotatedVideo.from_entries` drops it if need be.

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
        f"segment end {instance.end_sec} is not after its start {instance.start_sec}; correct or remove it"
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


def report_dropped(path: Path, videos: Iterable[AnnotatedVideo]) -> None:
    """Log one warning that counts invalid segments by kind: empty, reversed, outside the video, duplicates.

    Readers drop or keep the first two as their policy says; the others are always kept.

    Args:
        path: File or folder that was read.
        videos: Its videos.
    """
    found = list(videos)
    num_reversed = sum(video.num_reversed for video in found)
    dropped = {"empty": sum(video.num_dropped for video in found) - num_reversed, "reversed": num_reversed}
    kept = {
        "empty": sum(one.end_sec == one.start_sec for video in found for one in video.instances),
        "outside the video": sum(_is_outside(one, video) for video in found for one in video.instances),
        "duplicates": sum(len(video.instances) - len(set(video.instances)) for video in found),
    }
    parts = [
        f"{verb} {', '.join(f'{count} {kind}' for kind, count in counts.items() if count)}"
        for verb, counts in (("left out", dropped), ("kept", kept))
        if any(counts.values())
    ]
    if parts:
        _LOG.warning("%s: %s", path, "; ".join(parts))


def _is_outside(instance: Instance, video: AnnotatedVideo) -> bool:
    """Tell whether a segment reaches outside its video."""
    return instance.start_sec < 0 or instance.end_sec > video.duration_sec
