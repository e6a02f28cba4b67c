"""Background videos, which show no action, mixed into the untrimmed training videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

from aher_lightning.annotations.records import AnnotatedVideo


def find_background(videos: Mapping[str, AnnotatedVideo], subset: str) -> list[AnnotatedVideo]:
    """Return the videos of a subset that are annotated without instances, order kept; none whose were dropped."""
    chosen = (video for video in videos.values() if video.subset == subset)
    return [video for video in chosen if not video.instances and not video.num_dropped]


def mix_background(
    annotated: Sequence[AnnotatedVideo], background: Sequence[AnnotatedVideo], background_fraction: float
) -> list[AnnotatedVideo]:
    """Return annotated and background videos, repeated so that the background is a fraction of all.

    Each video occurs at least once; the kind with too few videos is repeated in turn.

    Args:
        annotated: Videos with instances, which come first.
        background: Videos without.
        background_fraction: Above 0 and below 1.

    Example:
        >>> jump, street = AnnotatedVideo("jump", "training", 9.0, ()), AnnotatedVideo("street", "training", 9.0, ())
        >>> [video.video_id for video in mix_background([jump], [street], 0.25)]
        ['jump', 'jump', 'jump', 'street']
    """
    if not background:
        return list(annotated)
    num_annotated = max(len(annotated), round(len(background) * (1 - background_fraction) / background_fraction))
    num_background = max(len(background), round(len(annotated) * background_fraction / (1 - background_fraction)))
    return [*islice(cycle(annotated), num_annotated), *islice(cycle(background), num_background)]
