"""A fingerprint of the ground truth, by which comparable numbers are recognized."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from aher_lightning.annotations.records import AnnotatedVideo

_NUM_DIGITS = 12


def ground_truth_fingerprint(videos: Iterable[AnnotatedVideo]) -> str:
    """Return a fingerprint of the video ids and their instances.

    Order, durations and the subset do not matter; a video without instances does, and so does a repeated instance.
    Scores under one protocol compare if their fingerprints are equal.

    Args:
        videos: The evaluated videos.

    Returns:
        12 hexadecimal digits: the beginning of the SHA-256 hash of the sorted content.

    Example:
        >>> from aher_lightning.annotations.activitynet import Instance
        >>> video = AnnotatedVideo("v1", "validation", 60.0, (Instance("wave", 1.0, 4.0),))
        >>> ground_truth_fingerprint([video]) == ground_truth_fingerprint([video._replace(duration_sec=61.0)])
        True
        >>> ground_truth_fingerprint([video]) == ground_truth_fingerprint([video._replace(video_id="v2")])
        False
    """
    # Adding 0 turns -0.0 into the equal 0.0.
    content = sorted(
        [video.video_id, sorted([one.label, one.start_sec + 0, one.end_sec + 0] for one in video.instances)]
        for video in videos
    )
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_NUM_DIGITS]
