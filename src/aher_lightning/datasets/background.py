"""Videos that show none of the actions, mixed among the annotated ones as untrimmed training videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

from aher_lightning.annotations.activitynet import AnnotatedVideo


def find_background(videos: Mapping[str, AnnotatedVideo], subset: str) -> list[AnnotatedVideo]:
    """Return the videos of a subset that are annotated to show no action at all.

    Args:
        videos: Video by id.
        subset: Part of the data set.

    Returns:
        The videos, order kept; none that lost instances on reading.
    """
    chosen = (video for video in videos.values() if video.subset == subset)
    return [video for video in chosen if not video.instances and not video.num_dropped]


def mix_background(
    annotated: Sequence[AnnotatedVideo], background: Sequence[AnnotatedVideo], share: float
) -> list[AnnotatedVideo]:
    """Return both kinds of videos, repeated so that the background makes up a share of all.

    Each video comes at least once. Of the kind that there are too few of, the videos are repeated in turn.

    Args:
        annotated: Videos with instances.
        background: Videos without.
        share: Wanted share of the background, above 0 and below 1.

    Returns:
        The videos, annotated ones first.

    Example:
        >>> jump, street = AnnotatedVideo("jump", "training", 9.0, ()), AnnotatedVideo("street", "training", 9.0, ())
        >>> [video.video_id for video in mix_background([jump], [street], 0.25)]
        ['jump', 'jump', 'jump', 'street']
    """
    if not background:
        return list(annotated)
    num_annotated = max(len(annotated), round(len(background) * (1 - share) / share))
    num_background = max(len(background), round(len(annotated) * share / (1 - share)))
    return [*islice(cycle(annotated), num_annotated), *islice(cycle(background), num_background)]
