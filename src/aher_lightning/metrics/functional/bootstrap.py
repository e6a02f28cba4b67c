"""Paired bootstrap over videos: is one system better than another, or could it be chance?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.groups import group_precisions, group_proposals
from aher_lightning.metrics.functional.matching import Matches
from aher_lightning.metrics.functional.proposal_recall import RankedProposals, rank_proposals
from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable
from aher_lightning.metrics.functional.temporal_map import RankedHits, rank_hits

LabelGroups = Mapping[str, Collection[int]]
"""Category labels by group."""

Scores = Callable[[FloatArray | None], dict[str, float]]
"""Scores of one system by name, where each video counts as often as its weight says; ``None`` stands for once."""

Progress = Callable[[int], None]
"""Told after each resample how many are done."""

_ROUNDING = 1e-12
"""Differences below this are none: sums of the same numbers in another order differ in the last bits."""


class PairedDifference(NamedTuple):
    """One score of two systems on the same videos.

    Resamples without anything to find have no score and are left out of the last three; nan where none is left.

    Attributes:
        first: Score of the first system on the videos as they are.
        second: Score of the second system.
        difference: First minus second.
        lower: Lower end of the percentile interval of the difference.
        upper: Upper end.
        fraction_better: Share of the resamples in which the difference is greater than 0.
    """

    first: float
    second: float
    difference: float
    lower: float
    upper: float
    fraction_better: float


def compare_precisions(
    first: Matches,
    second: Matches,
    ground_truth: SegmentTable,
    videos: Collection[int],
    *,
    groups: LabelGroups | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    on_progress: Progress | None = None,
) -> dict[str, PairedDifference]:
    """Return by how much the mAP of two systems differs, and how sure that is.

    Each resample draws as many videos as there are, with replacement, and scores both systems on the same draw. A
    video that is drawn twice counts like two videos. What a prediction finds does not depend on other videos, so
    that nothing is matched again. Predictions in videos that are not evaluated count once in every resample.

    Implements the percentile bootstrap of B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993),
    section 13.3, for differences of pairs. Only the choice of the videos is covered, not that of the training seed.

    Args:
        first: What the predictions of the first system found.
        second: What those of the second system found, at the same thresholds.
        ground_truth: Instances that both were matched with.
        videos: Numbers of the evaluated videos, those without instances among them.
        groups: Labels of groups of categories that are also scored by themselves.
        resamples: How many draws.
        seed: Seed of the draws: the same videos are drawn for the same seed, whatever is scored.
        level: Share of the resamples within the interval, in ``(0, 1)``.
        on_progress: Called after each resample with the number of those done.

    Returns:
        Differences by score: ``mAP@0.50`` and so on, ``mAP``, and the same with ``<group>/`` before it.

    Raises:
        ValueError: If the thresholds differ, there is no video, a video number is negative, or an option cannot be
            used.

    Example:
        >>> from aher_lightning.metrics.functional.matching import match_predictions
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> hit = match_predictions(truth, truth)
        >>> miss = match_predictions(truth._replace(segments=np.array([[20.0, 30.0]])), truth)
        >>> compare_precisions(hit, miss, truth, [0], resamples=10)["mAP"].lower
        1.0
    """
    if first.thresholds != second.thresholds:
        values = f"{list(first.thresholds)} and {list(second.thresholds)}"
        raise ValueError(f"both systems must be matched at the same tIoU thresholds, but are at {values}")
    systems = (rank_hits(first, ground_truth), rank_hits(second, ground_truth))
    draws = _Draws(videos, resamples, seed, level, on_progress)
    tables = (first.ranked.videos, second.ranked.videos, ground_truth.videos)
    return _compare([partial(_precision_scores, one, groups or {}) for one in systems], draws, tables)


def compare_recalls(
    first: SegmentTable,
    second: SegmentTable,
    ground_truth: SegmentTable,
    videos: Collection[int],
    *,
    thresholds: Sequence[float] | None = None,
    max_average_number: int = 100,
    groups: LabelGroups | None = None,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    on_progress: Progress | None = None,
) -> dict[str, PairedDifference]:
    """Return by how much the AR@AN and AUC of two systems differ, and how sure that is.

    Resamples as :func:`compare_precisions` does, the same videos for the same seed.

    Args:
        first: Proposals of the first system, in all videos.
        second: Proposals of the second system.
        ground_truth: Instances of all videos.
        videos: See :func:`compare_precisions`.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` stands for 0.5:0.05:0.95.
        max_average_number: Largest AN, a multiple of 100.
        groups: Labels of groups of categories that are also scored by themselves, on their own videos.
        resamples: See :func:`compare_precisions`.
        seed: Likewise.
        level: Likewise.
        on_progress: Likewise.

    Returns:
        Differences by score: ``AR@1`` and so on, ``AUC``, and the same with ``<group>/`` before it.

    Raises:
        ValueError: If there is no video, a video number is negative, or an option cannot be used.
    """
    systems: list[Scores] = []
    for proposals in (first, second):
        ranked = {"": rank_proposals(proposals, ground_truth, thresholds)}
        for name, labels in (groups or {}).items():
            ranked[f"{name}/"] = rank_proposals(*group_proposals(proposals, ground_truth, labels), thresholds)
        systems.append(partial(_recall_scores, ranked, max_average_number))
    draws = _Draws(videos, resamples, seed, level, on_progress)
    return _compare(systems, draws, (first.videos, second.videos, ground_truth.videos))


class _Draws(NamedTuple):
    """What is drawn, how often, and what is reported of it."""

    videos: Collection[int]
    resamples: int
    seed: int
    level: float
    on_progress: Progress | None

    def weights(self, tables: tuple[IntArray, ...]) -> Iterator[FloatArray]:
        """Yield how often each video counts, by its number, in each resample."""
        videos = np.unique(np.fromiter(self.videos, dtype=np.int64))
        numbers = np.concatenate([videos, *tables])
        if not len(videos) or numbers.min() < 0:
            raise ValueError("resampling needs at least one evaluated video, and video numbers from 0 on")
        if self.seed < 0:
            raise ValueError(f"the seed of resampling must be 0 or more; got {self.seed}")
        if self.resamples < 1 or not 0 < self.level < 1:
            options = f"{self.resamples} resamples and level {self.level}"
            raise ValueError(f"resamples must be at least 1 and the level between 0 and 1; got {options}")
        random = np.random.default_rng(self.seed)
        weights = np.ones(int(numbers.max()) + 1)
        for done in range(self.resamples):
            drawn = random.integers(0, len(videos), len(videos))
            weights[videos] = np.bincount(drawn, minlength=len(videos))
            yield weights
            if self.on_progress is not None:
                self.on_progress(done + 1)


def _compare(systems: list[Scores], draws: _Draws, tables: tuple[IntArray, ...]) -> dict[str, PairedDifference]:
    """Return the differences of all scores of two systems."""
    resampled = [[list(scores(weights).values()) for scores in systems] for weights in draws.weights(tables)]
    values = np.array(resampled)  # (resamples, 2, scores)
    first, second = (scores(None) for scores in systems)
    differences = (values[:, 0] - values[:, 1]).T
    differences[np.abs(differences) < _ROUNDING] = 0.0
    pairs = zip(first, first.values(), second.values(), differences, strict=True)
    return {name: _summarize(a, b, over_resamples, draws.level) for name, a, b, over_resamples in pairs}


def _summarize(first: float, second: float, differences: FloatArray, level: float) -> PairedDifference:
    """Return what the differences of one score over the resamples say."""
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return PairedDifference(first, second, first - second, np.nan, np.nan, np.nan)
    lower, upper = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return PairedDifference(first, second, first - second, lower, upper, float((defined > 0).mean()))


def _precision_scores(hits: RankedHits, groups: LabelGroups, weights: FloatArray | None) -> dict[str, float]:
    """Return the mAP of everything and of each group."""
    precisions = hits.precisions(weights)
    values = precisions.named()
    for name, labels in groups.items():
        values |= {f"{name}/{key}": value for key, value in group_precisions(precisions, labels).named().items()}
    return values


def _recall_scores(
    ranked: Mapping[str, RankedProposals], max_average_number: int, weights: FloatArray | None
) -> dict[str, float]:
    """Return the AR@AN and AUC of everything and of each group, by the first part of their names."""
    return {
        f"{name}{key}": value
        for name, one in ranked.items()
        for key, value in one.recalls(weights, max_average_number=max_average_number).named().items()
    }
