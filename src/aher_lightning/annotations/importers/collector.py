"""Collection of the segments in a file of an annotation tool, the same for all tools."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

from aher_lightning.annotations.importers.media_names import video_id_of
from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.files.json_files import MalformedError, finite_number
from aher_lightning.video.reader import VideoInfo

LabelSource = Literal["value", "tier"]
"""Source of the category of a segment: the value that was entered, or the tier of the segment."""

_WHOLE = re.compile(r"[0-9]{1,15}")


def no_video(video_id: str) -> VideoInfo | None:
    """Find no video; the default where no video files are available."""
    del video_id
    return None


@dataclass(frozen=True)
class ImportOptions:
    """What files of annotation tools do not say.

    Args:
        subset: Subset of the imported videos.
        fps: Frame rate of frame numbers; ``None`` takes that of the file or the video.
        tiers: Tiers to read; ``None`` reads all. VIA calls them attributes, Label Studio control tags; CVAT has none.
        label_from: Whether the value or the tier of a segment is its category.
        find_video: Returns the facts of the video file of an id, if there is one.
    """

    subset: str = "training"
    fps: float | None = None
    tiers: Collection[str] | None = None
    label_from: LabelSource = "value"
    find_video: Callable[[str], VideoInfo | None] = no_video


class ImportedFile(NamedTuple):
    """Content of a file of an annotation tool.

    Attributes:
        videos: Its videos, in file order.
        left_out: Number of unused elements by kind; the videos count empty and reversed segments.
        tiers: Names of all tiers, used or not, in file order.
    """

    videos: tuple[AnnotatedVideo, ...]
    left_out: Mapping[str, int]
    tiers: tuple[str, ...]


class SegmentCollector:
    """Collect the segments of one file."""

    def __init__(self, options: ImportOptions) -> None:
        self.options = options
        self.left_out: Counter[str] = Counter()
        self._tiers: dict[str, None] = {}
        self._durations_sec: dict[str, float | None] = {}
        self._entries: dict[str, list[Instance]] = {}

    def add_video(self, address: str) -> str:
        """Add a video by its path or URL in the file, and return its id.

        Raises:
            MalformedError: If its file name is no safe id, or the id of another video.
        """
        video_id = video_id_of(address)
        if video_id in self._entries:
            raise MalformedError(
                f"two videos have the id {video_id!r:.80}, the file name without extension; rename one"
            )
        self._entries[video_id] = []
        return video_id

    def set_duration(self, video_id: str, duration_sec: float) -> None:
        """Set the duration of a video in seconds; one that is not positive is left to the video file."""
        if finite_number(duration_sec, "duration") > 0:
            self._durations_sec[video_id] = duration_sec

    def wants_tier(self, tier: str) -> bool:
        """Record that a tier exists, and return whether its segments should be read."""
        self._tiers[tier] = None
        return self.options.tiers is None or tier in self.options.tiers

    def add(self, video_id: str, tier: str | None, value: str, span_sec: tuple[float, float]) -> None:
        """Add a segment, or count why it is left out.

        Args:
            video_id: An added video.
            tier: Its tier; ``None`` for a tool without tiers.
            value: What was entered.
            span_sec: Start and end in seconds.

        Raises:
            MalformedError: If the label has unprintable characters, or a time is not finite.
        """
        if tier is not None and not self.wants_tier(tier):
            self.left_out["of other tiers"] += 1
            return
        name = tier if tier is not None and self.options.label_from == "tier" else value
        label = " ".join(name.split())
        if not label:
            self.left_out["without label"] += 1
            return
        if not label.isprintable():
            raise MalformedError(f"label {label!r:.80} has unprintable characters; correct it")
        start_sec, end_sec = (finite_number(time, name) for time, name in zip(span_sec, ("start", "end"), strict=True))
        self._entries[video_id].append(Instance(label, start_sec, end_sec))

    def finish(self) -> ImportedFile:
        """Return the content of the file; unknown durations are taken from the video files, if available."""
        videos = []
        for video_id, entries in self._entries.items():
            duration_sec = self._durations_sec.get(video_id)
            if duration_sec is None:
                info = self.options.find_video(video_id)
                duration_sec = None if info is None else info.duration_sec
            videos.append(AnnotatedVideo.from_entries(video_id, self.options.subset, duration_sec, entries, "drop"))
        return ImportedFile(tuple(videos), dict(+self.left_out), tuple(self._tiers))


@contextmanager
def at_place(name: str) -> Iterator[None]:
    """Prefix every ``MalformedError`` of the context with the name of a place.

    Example:
        >>> with at_place("track 3"):
        ...     whole_number("-1", "frame")
        Traceback (most recent call last):
        aher_lightning.files.json_files.MalformedError: track 3: frame must be a whole number, but is '-1'
    """
    try:
        yield
    except MalformedError as reason:
        raise MalformedError(f"{name}: {reason}") from None


def whole_number(text: str | None, name: str) -> int:
    """Return the number of frames or milliseconds in an attribute of at most 15 digits.

    Args:
        text: Value of the attribute, if any.
        name: What it is, for the message.

    Raises:
        MalformedError: If it is missing or anything else, such as negative.

    Example:
        >>> whole_number("120", "frame")
        120
    """
    if text is None or not _WHOLE.fullmatch(text):
        found = "is missing" if text is None else f"is {text!r:.40}"
        raise MalformedError(f"{name} must be a whole number, but {found}")
    return int(text)
