"""What is gathered while the file of an annotation tool is read, the same for all tools."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

from aher_lightning.annotations.activitynet import AnnotatedVideo, Instance
from aher_lightning.annotations.importers.media_names import video_id_of
from aher_lightning.files.json_files import MalformedError, finite_number
from aher_lightning.video.reader import VideoInfo

LabelSource = Literal["value", "tier"]
"""What names the category of a segment: the value that was entered, or the tier that the segment lies on."""

_WHOLE = re.compile(r"[0-9]{1,15}")


def no_video(video_id: str) -> VideoInfo | None:
    """Return facts about no video; for where no video files are at hand."""
    del video_id
    return None


@dataclass(frozen=True)
class ImportOptions:
    """What the files of annotation tools leave open.

    Args:
        subset: Part of the data set that the videos are to belong to.
        fps: Frames per second by which a file counts that has frame numbers; ``None`` asks the file or the video.
        tiers: Tiers to read; ``None`` reads all. VIA calls them attributes, Label Studio control tags; CVAT has none.
        label_from: Whether the value or the tier of a segment is its category.
        find_video: Gives facts about the video file of an id, if there is one.
    """

    subset: str = "training"
    fps: float | None = None
    tiers: Collection[str] | None = None
    label_from: LabelSource = "value"
    find_video: Callable[[str], VideoInfo | None] = no_video


class ImportedFile(NamedTuple):
    """What a file of an annotation tool holds.

    Attributes:
        videos: Its videos, in file order.
        left_out: How many things were not used, by what they are; segments of no length and reversed ones are counted
            by their videos.
        tiers: Names of the tiers that were found, used or not, in file order.
    """

    videos: tuple[AnnotatedVideo, ...]
    left_out: Mapping[str, int]
    tiers: tuple[str, ...]


class SegmentCollector:
    """Gather the segments of one file.

    Args:
        options: What the file leaves open.
    """

    def __init__(self, options: ImportOptions) -> None:
        self.options = options
        self.left_out: Counter[str] = Counter()
        self._tiers: dict[str, None] = {}
        self._durations_sec: dict[str, float | None] = {}
        self._entries: dict[str, list[Instance]] = {}

    def add_video(self, address: str) -> str:
        """Begin a video.

        Args:
            address: Its path or address, as the file has it.

        Returns:
            Its id.

        Raises:
            MalformedError: If the name of the file is no safe id, or the id of another video.
        """
        video_id = video_id_of(address)
        if video_id in self._entries:
            raise MalformedError(f"two videos have the id {video_id!r:.80}, the file name without ending; rename one")
        self._entries[video_id] = []
        return video_id

    def set_duration(self, video_id: str, duration_sec: float) -> None:
        """Note the duration of a video in seconds; the file of the video overrides what is no positive number."""
        if finite_number(duration_sec, "duration") > 0:
            self._durations_sec[video_id] = duration_sec

    def wants_tier(self, tier: str) -> bool:
        """Note that a tier exists, and tell whether its segments are to be read."""
        self._tiers[tier] = None
        return self.options.tiers is None or tier in self.options.tiers

    def add(self, video_id: str, tier: str | None, value: str, span_sec: tuple[float, float]) -> None:
        """Take in a segment, or count why not.

        Args:
            video_id: A video that was begun.
            tier: Where it lies; ``None`` for a tool without tiers.
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
        """Return what was gathered; durations that are not known are those of the video files, where there are any."""
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
    """Name the place of what is found to be wrong within.

    Args:
        name: The place.

    Yields:
        Nothing.

    Raises:
        MalformedError: That was raised within, the place in front.

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
    """Return a number of frames or milliseconds that stands in an attribute.

    Args:
        text: Its digits, 15 at most.
        name: What it is, for the message.

    Returns:
        The number.

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
