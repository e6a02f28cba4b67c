"""The ground truth of an evaluation: the chosen videos of an annotation file, and their scored instances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.category_lists import read_taxonomy_leaves
from aher_lightning.annotations.layouts import annotation_layout, read_annotations
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.video_selection import list_categories, restrict, without_categories
from aher_lightning.errors import AnnotationError

CategoryGroups = Mapping[str, Sequence[str]]
"""Category names by group."""


class GroundTruth(NamedTuple):
    """Videos to evaluate.

    Attributes:
        videos: Video by id, with the scored instances.
        subset: Their subset of the file.
        categories: Category names that predictions may have, including those of other videos of the file.
        groups: Categories that are scored by group; empty for all categories together.
        unknown_categories: Categories of the groups that the file does not contain: misspelt, or never annotated.
        excluded_videos: Ids of excluded videos, whether the file has them or not.
        num_excluded: Number of excluded videos of the subset.
    """

    videos: dict[str, AnnotatedVideo]
    subset: str
    categories: list[str]
    groups: CategoryGroups
    unknown_categories: list[str]
    excluded_videos: frozenset[str]
    num_excluded: int


@dataclass(frozen=True)
class GroundTruthChoice:
    """Which part of an annotation file is scored.

    Args:
        subset: Subset of the videos.
        groups: Categories by group; all others are excluded. Empty for all categories.
        excluded_categories: Categories to exclude from all groups.
        excluded_videos: Ids of videos to exclude.
        included_videos: Ids of the only videos to evaluate; ``None`` for all.
    """

    subset: str
    groups: CategoryGroups = field(default_factory=dict)
    excluded_categories: tuple[str, ...] = ()
    excluded_videos: frozenset[str] = frozenset()
    included_videos: frozenset[str] | None = None


def read_ground_truth(path: Path, choice: GroundTruthChoice) -> GroundTruth:
    """Return the ground truth of an annotation file.

    Instances of zero length are kept: they cannot be found, but the official evaluator counts them. Durations may be
    missing: no score depends on them, and a diagnosis refuses their absence.

    Args:
        path: Annotations in any layout that :func:`~aher_lightning.annotations.layouts.read_annotations` supports.
        choice: Which part of it is scored.

    Returns:
        The ground truth, with at least one instance of each group.

    Raises:
        AnnotationError: If the file cannot be read, or has nothing to score.
    """
    everything = read_annotations(path, subset=choice.subset, on_invalid="keep", on_missing_duration="last_end")
    taxonomy = read_taxonomy_leaves(path) if annotation_layout(path) == "activitynet" else []
    chosen = [name for names in choice.groups.values() for name in names]
    known = dict.fromkeys([*list_categories(everything), *taxonomy])
    unknown = [name for name in chosen if name not in known]
    try:
        _check_names(everything, choice.excluded_videos, "excluded")
        _check_names(everything, choice.included_videos or frozenset(), "included")
        videos = restrict(everything, subset=choice.subset)
        excluded = choice.excluded_videos
        if choice.included_videos is not None:
            excluded |= frozenset(everything) - choice.included_videos
        kept = {name: video for name, video in videos.items() if name not in excluded}
        counted = without_categories(kept, choice.excluded_categories)
        num_excluded = len(videos) - len(kept)
        _check_instances(counted, choice, num_excluded)
        if choice.groups:
            counted = restrict(counted, subset=choice.subset, categories=chosen)
            _check_groups(counted, choice)
    except AnnotationError as reason:
        raise AnnotationError(f"{path}: {reason}") from None
    categories = [*known, *unknown]
    return GroundTruth(counted, choice.subset, categories, choice.groups, unknown, excluded, num_excluded)


def _check_names(videos: Mapping[str, AnnotatedVideo], names: frozenset[str], kind: str) -> None:
    """Refuse a list that names no annotated video: its ids must be spelt differently."""
    if names and names.isdisjoint(videos):
        ours, theirs = next(iter(videos)), min(names)
        raise AnnotationError(
            f"none of the {len(names)} {kind} videos is annotated: annotated ids look like {ours!r:.80}, "
            f"listed ids like {theirs!r:.80}; give a list of the annotated videos"
        )


def _check_instances(videos: Mapping[str, AnnotatedVideo], choice: GroundTruthChoice, num_excluded: int) -> None:
    """Refuse ground truth without instances."""
    if list_categories(videos):
        return
    if num_excluded:
        raise AnnotationError(
            f"the subset {choice.subset!r} has no instance outside its {num_excluded} excluded videos; exclude fewer"
        )
    raise AnnotationError(f"the subset {choice.subset!r} has no instance; choose an annotated subset")


def _check_groups(videos: Mapping[str, AnnotatedVideo], choice: GroundTruthChoice) -> None:
    """Refuse groups without instances."""
    labels: Collection[str] = set(list_categories(videos))
    for name, names in choice.groups.items():
        if set(names).isdisjoint(labels):
            raise AnnotationError(
                f"the subset {choice.subset!r} has no instance of the group {name!r}; choose another group"
            )
