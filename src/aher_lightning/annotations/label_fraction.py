"""A share of the annotated training videos, for fully supervised runs with fewer annotations (Fig. 6 of the paper)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from aher_lightning.annotations.activitynet import AnnotatedVideo


def take_fraction(videos: Mapping[str, AnnotatedVideo], fraction: float) -> dict[str, AnnotatedVideo]:
    """Return a share of the videos of every category, at least one of each.

    Of the ``n`` videos of a category the first ``ceil(fraction * n)`` in the order of a hash of their ids are
    taken, so a smaller share is part of a larger one, on every machine and whatever the seed. A video that is
    taken for one of its categories keeps the instances of all.

    Implements the "ratio of temporal annotation" in Fig. 6 of "Learning to Localize Actions from Moments" (Long et
    al., ECCV 2020). The paper does not say how its shares were drawn.

    Args:
        videos: Video by id.
        fraction: Above 0, at most 1.

    Returns:
        Video by id, order kept.

    Raises:
        ValueError: If the fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"a fraction must be above 0 and at most 1, but is {fraction}")
    order = sorted(videos, key=lambda video_id: hashlib.sha256(video_id.encode()).digest())
    by_category: dict[str, list[str]] = {}
    for video_id in order:
        for category in {instance.label for instance in videos[video_id].instances}:
            by_category.setdefault(category, []).append(video_id)
    taken: set[str] = set()
    for owners in by_category.values():
        # Rounded first: 0.1 * 30 is above 3 in binary.
        taken.update(owners[: max(1, math.ceil(round(fraction * len(owners), 6)))])
    return {video_id: video for video_id, video in videos.items() if video_id in taken}
