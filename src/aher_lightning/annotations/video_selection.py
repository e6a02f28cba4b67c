"""Selections of annotated videos: by subset, by category, or a fraction of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.errors import AnnotationError


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
            f"no video of the subset {subset!r} has an instance of the {len(wanted)} requested categories; "
            "choose another subset or other categories"
        )
    return result


def without_categories(videos: Mapping[str, AnnotatedVideo], categories: Collection[str]) -> dict[str, AnnotatedVideo]:
    """Return all videos without the instances of some categories."""
    unwanted = frozenset(categories)
    return {
        name: video._replace(instances=tuple(one for one in video.instances if one.label not in unwanted))
        for name, video in videos.items()
    }


def list_categories(videos: Mapping[str, AnnotatedVideo]) -> list[str]:
    """Return the category names that occur, each once, in the order of their first instance."""
    return list(dict.fromkeys(instance.label for video in videos.values() for instance in video.instances))


def take_fraction(videos: Mapping[str, AnnotatedVideo], fraction: float) -> dict[str, AnnotatedVideo]:
    """Return a fraction of the videos of every category, at least one of each.

    Of the ``n`` videos of a category, the first ``ceil(fraction * n)`` in the order of a hash of their ids are
    taken, so a smaller fraction is contained in a larger one, on every machine and for every seed. A video that is
    taken for one of its categories keeps the instances of all.

    Implements the "ratio of temporal annotation" in Fig. 6 of "Learning to Localize Actions from Moments" (Long et
    al., ECCV 2020). The paper does not say how its videos were drawn.

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
    by_category: dict[str, list[str]] = {}
    for video_id in sorted(videos, key=lambda video_id: hashlib.sha256(video_id.encode()).digest()):
        for category in {instance.label for instance in videos[video_id].instances}:
            by_category.setdefault(category, []).append(video_id)
    taken: set[str] = set()
    for owners in by_category.values():
        # Rounded first: 0.1 * 30 is above 3 in binary.
        taken.update(owners[: max(1, math.ceil(round(fraction * len(owners), 6)))])
    return {video_id: video for video_id, video in videos.items() if video_id in taken}
