"""What predictions are scored against: which videos of which file, and which of their instances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.activitynet import AnnotatedVideo, list_categories, restrict, without_categories
from aher_lightning.annotations.category_lists import read_taxonomy_leaves
from aher_lightning.annotations.layouts import annotation_layout, read_annotations
from aher_lightning.errors import AnnotationError

CategoryGroups = Mapping[str, Sequence[str]]
"""Category names by group."""


class GroundTruth(NamedTuple):
    """Videos to evaluate.

    Attributes:
        videos: Video by id, with the instances that count.
        subset: Which part of the file they are.
        categories: Category names that predictions may have, also those of other videos of the file.
        groups: Categories that are scored by group; empty for all categories together.
        unknown_categories: Those of the groups that the file does not know: spelt in another way, or never annotated.
        blocked: Ids of videos that are left out, whether the file has them or not.
        num_blocked: How many videos of the subset were left out.
    """

    videos: dict[str, AnnotatedVideo]
    subset: str
    categories: list[str]
    groups: CategoryGroups
    unknown_categories: list[str]
    blocked: frozenset[str]
    num_blocked: int


@dataclass(frozen=True)
class GroundTruthChoice:
    """Which part of an annotation file counts.

    Args:
        subset: Which videos.
        groups: Categories by group; all others are left out. Empty for all categories.
        excluded_categories: Categories to leave out of all.
        blocked: Ids of videos to leave out.
        listed: Ids of the only videos that count; all others are left out as if they were blocked. ``None`` for all.
    """

    subset: str
    groups: CategoryGroups = field(default_factory=dict)
    excluded_categories: tuple[str, ...] = ()
    blocked: frozenset[str] = frozenset()
    listed: frozenset[str] | None = None


def read_ground_truth(path: Path, choice: GroundTruthChoice) -> GroundTruth:
    """Return the ground truth of an annotation file.

    Instances of no length stay in, as nobody can find them but the official evaluator counts them. Durations may be
    missing: no score depends on them, and a diagnosis says if it needs one.

    Args:
        path: Annotations in any layout that :func:`~aher_lightning.annotations.layouts.read_annotations` knows.
        choice: Which part of it.

    Returns:
        The ground truth, at least one instance, and one of each group.

    Raises:
        AnnotationError: If it cannot be read, or has nothing to score.
    """
    everything = read_annotations(path, subset=choice.subset, on_invalid="keep", on_missing_duration="last_end")
    taxonomy = read_taxonomy_leaves(path) if annotation_layout(path) == "activitynet" else []
    chosen = [name for names in choice.groups.values() for name in names]
    known = dict.fromkeys([*list_categories(everything), *taxonomy])
    unknown = [name for name in chosen if name not in known]
    try:
        _check_names(everything, choice.blocked, "blocked")
        _check_names(everything, choice.listed or frozenset(), "listed")
        videos = restrict(everything, subset=choice.subset)
        blocked = choice.blocked | (frozenset() if choice.listed is None else frozenset(everything) - choice.listed)
        free = {name: video for name, video in videos.items() if name not in blocked}
        counted = without_categories(free, choice.excluded_categories)
        _check_instances(counted, choice, len(videos) - len(free))
        if choice.groups:
            counted = restrict(counted, subset=choice.subset, categories=chosen)
            _check_groups(counted, choice)
    except AnnotationError as reason:
        raise AnnotationError(f"{path}: {reason}") from None
    num_blocked = len(videos) - len(free)
    categories = [*known, *unknown]
    return GroundTruth(counted, choice.subset, categories, choice.groups, unknown, blocked, num_blocked)


def _check_names(videos: Mapping[str, AnnotatedVideo], names: frozenset[str], kind: str) -> None:
    """Refuse a list of which no video exists: its ids are spelt in another way, surely."""
    if names and names.isdisjoint(videos):
        ours, theirs = next(iter(videos)), min(names)
        raise AnnotationError(
            f"none of the {len(names)} {kind} videos is there: it has names such as {ours!r:.80}, "
            f"the list has names such as {theirs!r:.80}; give the list of these videos"
        )


def _check_instances(videos: Mapping[str, AnnotatedVideo], choice: GroundTruthChoice, num_blocked: int) -> None:
    """Refuse ground truth without anything to find."""
    if list_categories(videos):
        return
    if num_blocked:
        raise AnnotationError(
            f"the subset {choice.subset!r} has no instance outside of its {num_blocked} blocked videos; block fewer"
        )
    raise AnnotationError(f"the subset {choice.subset!r} has no instance; choose an annotated subset")


def _check_groups(videos: Mapping[str, AnnotatedVideo], choice: GroundTruthChoice) -> None:
    """Refuse ground truth without anything to find in one of the groups."""
    labels: Collection[str] = set(list_categories(videos))
    for name, names in choice.groups.items():
        if set(names).isdisjoint(labels):
            raise AnnotationError(
                f"the subset {choice.subset!r} has no instance of the group {name!r}; choose another group"
            )
