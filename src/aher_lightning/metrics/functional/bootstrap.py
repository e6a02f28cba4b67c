"""Paired bootstrap over videos: is one system better than another, or could it be chance?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from aher_lightning.metrics.functional.detection_matching import Matches
from aher_lightning.metrics.functional.groups import group_precisions, group_proposals
from aher_lightning.metrics.functional.proposal_recall import RankedProposals, rank_proposals
from aher_lightning.metrics.functional.segment_table import FloatArray, IntArray, SegmentTable
from aher_lightning.metrics.functional.temporal_map import RankedHits, rank_hits

_LabelGroups = Mapping[str, Collection[int]]
"""Category labels by group."""

_Scores = Callable[[FloatArray | None], dict[str, float]]
"""Scores of one system by name, each video weighted by its count in the resample; ``None`` counts each once."""

_ROUNDING = 1e-12
"""Smaller differences count as 0: sums of the same numbers in another order differ in the last bits."""


class PairedDifference(NamedTuple):
    """One score of two systems on the same videos.

    Resamples without instances have no score and are excluded from the last three; nan where none remains.

    Attributes:
        first: Score of the first system on all videos.
        second: Score of the second system.
        difference: First minus second.
        lower: Lower end of the percentile interval of the difference.
        upper: Upper end.
        fraction_better: Fraction of the resamples in which the difference is greater than 0.
    """

    first: float
    second: float
    difference: float
    lower: float
    upper: float
    fraction_better: float


class Resampling(NamedTuple):
    """How videos are resampled.

    Attributes:
        resamples: Number of resamples.
        seed: Random seed; equal seeds draw the same videos, whatever is scored.
        level: Fraction of the resamples within the interval, in ``(0, 1)``.
        on_progress: Called after each resample with the number completed.
    """

    resamples: int = 1000
    seed: int = 0
    level: float = 0.95
    on_progress: Callable[[int], None] | None = None

    def weights(self, video_numbers: Collection[int], tables: tuple[IntArray, ...]) -> Iterator[FloatArray]:
        """Yield the count of each video in each resample, indexed by video number."""
        videos = np.unique(np.fromiter(video_numbers, dtype=np.int64))
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


_DEFAULT = Resampling()


def compare_precisions(
    first: Matches,
    second: Matches,
    ground_truth: SegmentTable,
    videos: Collection[int],
    resampling: Resampling = _DEFAULT,
    *,
    groups: _LabelGroups | None = None,
) -> dict[str, PairedDifference]:
    """Return by how much the mAP of two systems differs, with percentile intervals.

    Each resample draws as many videos as there are, with replacement, and scores both systems on the same draw. A
    video that is drawn twice counts as two videos. Matches do not depend on other videos, so nothing is matched again.
    Predictions in videos that are not evaluated count once in every resample.

    Implements the percentile bootstrap of B. Efron, R. Tibshirani, "An Introduction to the Bootstrap" (1993),
    section 13.3, for differences of pairs. Only the choice of the videos is covered, not that of the training seed.

    Args:
        first: Matches of the first system.
        second: Matches of the second system, at the same thresholds.
        ground_truth: Instances that both were matched with.
        videos: Numbers of the evaluated videos, including those without instances.
        resampling: How videos are resampled.
        groups: Labels of groups of categories that are also scored separately.

    Returns:
        Differences by score: ``mAP@0.50`` and so on, ``mAP``, and the same with the prefix ``<group>/``.

    Raises:
        ValueError: If the thresholds differ, there is no video, a video number is negative, or the resampling is
            invalid.

    Example:
        >>> from aher_lightning.metrics.functional.detection_matching import match_predictions
        >>> one = np.array([0])
        >>> truth = SegmentTable(one, np.array([[0.0, 10.0]]), np.ones(1), one)
        >>> hit = match_predictions(truth, truth)
        >>> miss = match_predictions(truth._replace(segments=np.array([[20.0, 30.0]])), truth)
        >>> compare_precisions(hit, miss, truth, [0], Resampling(10))["mAP"].lower
        1.0
    """
    if first.thresholds != second.thresholds:
        values = f"{list(first.thresholds)} and {list(second.thresholds)}"
        raise ValueError(f"both systems must be matched at the same tIoU thresholds, but are at {values}")
    systems = (rank_hits(first, ground_truth), rank_hits(second, ground_truth))
    tables = (first.ranked.videos, second.ranked.videos, ground_truth.videos)
    scores: list[_Scores] = [partial(_precision_scores, one, groups or {}) for one in systems]
    return _compare(scores, videos, resampling, tables)


def compare_recalls(
    first: SegmentTable,
    second: SegmentTable,
    ground_truth: SegmentTable,
    videos: Collection[int],
    resampling: Resampling = _DEFAULT,
    *,
    thresholds: Sequence[float] | None = None,
    max_average_number: int = 100,
    groups: _LabelGroups | None = None,
) -> dict[str, PairedDifference]:
    """Return by how much the AR@AN and AUC of two systems differ; resamples like :func:`compare_precisions`.

    Args:
        first: Proposals of the first system, in all videos.
        second: Proposals of the second system.
        ground_truth: Instances of all videos.
        videos: Numbers of the evaluated videos, including those without instances.
        resampling: How videos are resampled.
        thresholds: tIoU thresholds in ``(0, 1]``; ``None`` for 0.5:0.05:0.95.
        max_average_number: Largest AN, a multiple of 100.
        groups: Labels of groups of categories that are also scored separately, on their own videos.

    Returns:
        Differences by score: ``AR@1`` and so on, ``AUC``, and the same with the prefix ``<group>/``.

    Raises:
        ValueError: If there is no video, a video number is negative, or the resampling is invalid.
    """
    systems: list[_Scores] = []
    for proposals in (first, second):
        ranked = {"": rank_proposals(proposals, ground_truth, thresholds)}
        for name, labels in (groups or {}).items():
            ranked[f"{name}/"] = rank_proposals(*group_proposals(proposals, ground_truth, labels), thresholds)
        systems.append(partial(_recall_scores, ranked, max_average_number))
    return _compare(systems, videos, resampling, (first.videos, second.videos, ground_truth.videos))


def _compare(
    systems: list[_Scores], videos: Collection[int], resampling: Resampling, tables: tuple[IntArray, ...]
) -> dict[str, PairedDifference]:
    """Return the differences of all scores of two systems."""
    resampled = [
        [list(scores(weights).values()) for scores in systems] for weights in resampling.weights(videos, tables)
    ]
    values = np.array(resampled)  # (resamples, 2, scores)
    first, second = (scores(None) for scores in systems)
    differences = (values[:, 0] - values[:, 1]).T
    differences[np.abs(differences) < _ROUNDING] = 0.0
    pairs = zip(first, first.values(), second.values(), differences, strict=True)
    return {name: _summarize(a, b, over_resamples, resampling.level) for name, a, b, over_resamples in pairs}


def _summarize(first: float, second: float, differences: FloatArray, level: float) -> PairedDifference:
    """Return the summary of one score's differences over the resamples."""
    defined = differences[~np.isnan(differences)]
    if not len(defined):
        return PairedDifference(first, second, first - second, np.nan, np.nan, np.nan)
    lower, upper = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return PairedDifference(first, second, first - second, lower, upper, float((defined > 0).mean()))


def _precision_scores(hits: RankedHits, groups: _LabelGroups, weights: FloatArray | None) -> dict[str, float]:
    """Return mAP, overall and per group."""
    precisions = hits.precisions(weights)
    values = precisions.named()
    for name, labels in groups.items():
        values |= {f"{name}/{key}": value for key, value in group_precisions(precisions, labels).named().items()}
    return values


def _recall_scores(
    ranked: Mapping[str, RankedProposals], max_average_number: int, weights: FloatArray | None
) -> dict[str, float]:
    """Return AR@AN and AUC, overall and per group; the keys of ``ranked`` are name prefixes."""
    return {
        f"{name}{key}": value
        for name, one in ranked.items()
        for key, value in one.recalls(weights, max_average_number=max_average_number).named().items()
    }
