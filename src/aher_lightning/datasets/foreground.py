"""Foreground segments: the annotated instances of untrimmed videos, cut out as if they were moments."""

from __future__ import annotations

from collections.abc import Iterable

from aher_lightning.annotations.activitynet import AnnotatedVideo
from aher_lightning.datasets.moments import TrimmedClip


def foreground_clips(videos: Iterable[AnnotatedVideo]) -> list[TrimmedClip]:
    """List every annotated instance as a trimmed clip.

    The released code uses the first instance of a video only; all of them serve here
    (see docs/faithfulness.md).

    Args:
        videos: Annotated videos.

    Returns:
        One clip per instance, in order.
    """
    return [
        TrimmedClip(video.video_id, (instance.start_sec, instance.end_sec), instance.label)
        for video in videos
        for instance in video.instances
    ]
