"""The bars of a timeline: instances and the best detections of a video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.ops.nms import nms
from aher_lightning.structures import Detections

GROUND_TRUTH_ROW = "ground truth"
"""Name of the row of instances."""


class TimelineBar(NamedTuple):
    """One bar of figure 7; the fields are the columns of its table.

    Attributes:
        video: Video id.
        row: ``"ground truth"``, or the name of the system.
        start: Start in seconds.
        end: End in seconds.
        label: Category name.
        score: Confidence; ``None`` for ground truth.
    """

    video: str
    row: str
    start: float
    end: float
    label: str
    score: float | None


def ground_truth_bars(video: AnnotatedVideo) -> list[TimelineBar]:
    """Return the instances of a video, clipped to it, in file order."""
    instances = video.clipped().instances
    return [TimelineBar(video.video_id, GROUND_TRUTH_ROW, start, end, label, None) for label, start, end in instances]


def detection_bars(
    video_id: str,
    row: str,
    found: Detections,
    categories: Sequence[str],
    *,
    top_k: int = 5,
    min_score: float = 0.0,
    max_tiou: float = 0.5,
) -> list[TimelineBar]:
    """Return the best detections of a video, best first.

    Systems keep many detections of nearly the same segment. Of those that overlap by more than ``max_tiou`` only the
    best is shown, whatever their categories.

    Args:
        video_id: The video.
        row: Name of the system.
        found: Its detections in the video, in seconds; N may be 0.
        categories: Names that the labels index.
        top_k: Largest number to show.
        min_score: Smallest score to show.
        max_tiou: Largest tIoU of two detections that are both shown.
    """
    kept = nms(found.segments, found.scores, max_tiou, max_keep=top_k)
    segments, scores, labels = (field[kept].tolist() for field in found)
    return [
        TimelineBar(video_id, row, start, end, categories[label], score)
        for (start, end), score, label in zip(segments, scores, labels, strict=True)
        if score >= min_score
    ]


def assign_lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return the first free lane of each span ``(start, end)``, most important first, so that none overlap.

    Example:
        >>> assign_lanes([(0.0, 4.0), (2.0, 6.0), (4.0, 5.0)])
        [0, 1, 0]
    """
    lanes: list[list[tuple[float, float]]] = []
    assigned = []
    for start, end in spans:
        is_free = (all(end <= other[0] or other[1] <= start for other in lane) for lane in lanes)
        lane = next((number for number, free in enumerate(is_free) if free), len(lanes))
        if lane == len(lanes):
            lanes.append([])
        lanes[lane].append((start, end))
        assigned.append(lane)
    return assigned
