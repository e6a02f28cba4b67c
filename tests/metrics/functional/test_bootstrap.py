from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from aher_lightning.metrics.functional.bootstrap import (
    PairedDifference,
    Resampling,
    compare_precisions,
    compare_recalls,
)
from aher_lightning.metrics.functional.detection_matching import match_predictions
from aher_lightning.metrics.functional.groups import group_precisions, group_proposals
from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from tests.helpers.metric_cases import detections, random_case

NUM_VIDEOS = 12
GROUPS = {"even": [0, 2], "odd": [1, 3]}


def untied(seed: int, system: int) -> SegmentTable:
    """Predictions of a random case, with scores of their own for each system and no two of them equal."""
    case, random = random_case(seed), np.random.default_rng([seed, system])
    scored = [one._replace(scores=torch.from_numpy(random.random(len(one.scores)))) for one in case.predictions]
    return table_from_detections(scored, range(NUM_VIDEOS))


def truth_of(seed: int) -> SegmentTable:
    return table_from_detections(random_case(seed).targets, range(NUM_VIDEOS))


Groups = Mapping[str, Collection[int]] | None


def precisions_of(
    first: SegmentTable,
    second: SegmentTable,
    truth: SegmentTable,
    videos: Collection[int],
    groups: Groups = None,
    **resampling: Any,
) -> dict[str, PairedDifference]:
    matches = match_predictions(first, truth), match_predictions(second, truth)
    return compare_precisions(*matches, truth, videos, Resampling(**resampling), groups=groups)


def recalls_of(
    first: SegmentTable,
    second: SegmentTable,
    truth: SegmentTable,
    videos: Collection[int],
    groups: Groups = None,
    **resampling: Any,
) -> dict[str, PairedDifference]:
    return compare_recalls(first, second, truth, videos, Resampling(**resampling), groups=groups)


Compare = Callable[..., dict[str, PairedDifference]]

both_scores = pytest.mark.parametrize("compare", [precisions_of, recalls_of])


def copies(table: SegmentTable, drawn: list[int]) -> SegmentTable:
    """Rows of the drawn videos, each draw as a video of its own, and those of videos that are not evaluated."""
    parts = [table.rows(table.videos >= NUM_VIDEOS)]
    for place, video in enumerate(drawn):
        rows = table.rows(table.videos == video)
        parts.append(rows._replace(videos=np.full(len(rows.videos), 1000 + place)))
    return SegmentTable(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def direct_scores(found: SegmentTable, truth: SegmentTable) -> dict[str, float]:
    """Scores of copied tables by the plain functions."""
    precisions = average_precisions(found, truth)
    values = {**precisions.named(), **proposal_recalls(found, truth).named()}
    for name, labels in GROUPS.items():
        group = group_precisions(precisions, labels).named()
        group |= proposal_recalls(*group_proposals(found, truth, labels)).named()
        values |= {f"{name}/{key}": value for key, value in group.items()}
    return values


@pytest.mark.parametrize("seed", range(3))
def test_equals_scoring_copies_of_the_drawn_videos(seed: int) -> None:
    elsewhere = table_from_detections([detections([[0, 5], [3, 9]], [0.95, 0.31], [0, 1])], [NUM_VIDEOS])
    first, second = (
        SegmentTable(*(np.concatenate(columns) for columns in zip(untied(seed, system), elsewhere, strict=True)))
        for system in range(2)
    )
    truth, resamples = truth_of(seed), 15
    random = np.random.default_rng(7)
    differences: dict[str, list[float]] = {}
    for _ in range(resamples):
        drawn = random.integers(0, NUM_VIDEOS, NUM_VIDEOS).tolist()
        scores = [direct_scores(copies(found, drawn), copies(truth, drawn)) for found in (first, second)]
        for name in scores[0]:
            differences.setdefault(name, []).append(scores[0][name] - scores[1][name])
    result: dict[str, PairedDifference] = {}
    for compare in (precisions_of, recalls_of):
        options: dict[str, Any] = {"groups": GROUPS, "resamples": resamples, "seed": 7, "level": 0.8}
        result |= compare(first, second, truth, range(NUM_VIDEOS), **options)
    assert result.keys() == differences.keys()
    once = [direct_scores(found, truth) for found in (first, second)]
    for name, one in result.items():
        assert (one.first, one.second) == pytest.approx((once[0][name], once[1][name]), abs=1e-12)
        assert one.difference == one.first - one.second
        assert (one.lower, one.upper) == pytest.approx(np.quantile(differences[name], [0.1, 0.9]), abs=1e-12)
        assert one.fraction_better == np.mean(np.array(differences[name]) > 1e-12)
    assert result["mAP"].upper > result["mAP"].lower


@both_scores
def test_a_system_does_not_differ_from_itself(compare: Compare) -> None:
    found = untied(0, 0)
    result = compare(found, found, truth_of(0), range(NUM_VIDEOS), groups=GROUPS, resamples=20)
    assert all(one[2:] == (0, 0, 0, 0) for one in result.values())
    assert all(0 < one.first == one.second for one in result.values())


@both_scores
def test_swapping_the_systems_negates(compare: Compare) -> None:
    first, second, truth = untied(0, 0), untied(0, 1), truth_of(0)
    forward = compare(first, second, truth, range(NUM_VIDEOS), resamples=25)
    back = compare(second, first, truth, range(NUM_VIDEOS), resamples=25)
    for name, one in forward.items():
        other = back[name]
        assert (other.first, other.second, other.difference) == (one.second, one.first, -one.difference)
        assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower), abs=1e-12)
        assert one.fraction_better + other.fraction_better <= 1
    name = "AUC" if "AUC" in forward else "mAP"
    assert forward[name].fraction_better + back[name].fraction_better == pytest.approx(1)


@both_scores
def test_the_seed_decides(compare: Compare) -> None:
    first, second, truth = untied(1, 0), untied(1, 1), truth_of(1)
    values = [compare(first, second, truth, range(NUM_VIDEOS), resamples=10, seed=seed) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def perfect_or_not(num_videos: int, is_found: Mapping[int, bool]) -> tuple[SegmentTable, SegmentTable]:
    """Videos of one instance each and one prediction, which is exact or misses."""
    targets = [detections([[0, 10]], [1], [0]) for _ in range(num_videos)]
    found = [detections([[0, 10] if is_found[v] else [50, 60]], [0.5 + 0.001 * v], [0]) for v in range(num_videos)]
    return table_from_detections(found, range(num_videos)), table_from_detections(targets, range(num_videos))


@both_scores
def test_better_in_every_video_is_better_beyond_chance(compare: Compare) -> None:
    good, truth = perfect_or_not(20, dict.fromkeys(range(20), True))
    bad, _ = perfect_or_not(20, dict.fromkeys(range(20), False))
    for one in compare(good, bad, truth, range(20), resamples=50).values():
        assert one.lower > 0
        assert one.fraction_better == 1


def test_the_interval_is_that_of_the_binomial_law() -> None:
    # Recall of one proposal per video is the share of videos drawn among the 16 of 40 that the first system finds:
    # a binomial law with mean 0.4 and standard deviation sqrt(0.4 * 0.6 / 40) = 0.0775.
    first, truth = perfect_or_not(40, {video: video < 16 for video in range(40)})
    second, _ = perfect_or_not(40, dict.fromkeys(range(40), False))
    result = recalls_of(first, second, truth, range(40), resamples=2000)["AR@100"]
    assert result.difference == pytest.approx(0.4)
    assert (result.lower, result.upper) == pytest.approx((0.4 - 1.96 * 0.0775, 0.4 + 1.96 * 0.0775), abs=0.03)


@pytest.mark.slow
def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    # Both systems find each video with probability 1/2, so that the true difference is 0. An interval of 80 % from
    # 30 videos should cover it in roughly 48 of 60 data sets; the standard deviation of that count is 3.1.
    random, covered = np.random.default_rng(0), 0
    for _ in range(60):
        hits = random.random((2, 30)) < 0.5
        (first, truth), (second, _) = (perfect_or_not(30, dict(enumerate(row.tolist()))) for row in hits)
        result = recalls_of(first, second, truth, range(30), resamples=100, level=0.8)["AR@100"]
        covered += result.lower <= 0 <= result.upper
    assert 39 <= covered <= 57


def test_a_draw_without_the_group_is_left_out_and_a_group_without_ground_truth_undefined() -> None:
    # Category 1 is in one video of two, so that a quarter of the draws has none of it.
    targets = [detections([[0, 10]], [1], [0]), detections([[0, 10]], [1], [1])]
    truth = table_from_detections(targets, [0, 1])
    nothing = table_from_detections([detections([], [], [])], [0])
    groups = {"rare": [1], "absent": [5]}
    for compare, name in ((precisions_of, "mAP"), (recalls_of, "AR@1")):
        result = compare(truth, nothing, truth, [0, 1], groups=groups, resamples=40)
        assert result[f"rare/{name}"] == (1, 0, 1, 1, 1, 1)
        assert all(math.isnan(value) for value in result[f"absent/{name}"])


def test_progress_is_told_after_each_resample() -> None:
    found, truth = perfect_or_not(3, dict.fromkeys(range(3), True))
    done: list[int] = []
    recalls_of(found, found, truth, range(3), resamples=4, on_progress=done.append)
    assert done == [1, 2, 3, 4]


def test_what_cannot_be_resampled_is_refused() -> None:
    found, truth = perfect_or_not(2, dict.fromkeys(range(2), True))
    with pytest.raises(ValueError, match="at least one evaluated video"):
        recalls_of(found, found, truth, [])
    with pytest.raises(ValueError, match="video numbers from 0 on"):
        recalls_of(found, found, truth, [-1, 0])
    with pytest.raises(ValueError, match=r"got 0 resamples and level 0\.95"):
        recalls_of(found, found, truth, [0], resamples=0)
    with pytest.raises(ValueError, match=r"got 5 resamples and level 1\.0"):
        recalls_of(found, found, truth, [0], resamples=5, level=1.0)
    matches = [match_predictions(found, truth, [at]) for at in (0.5, 0.7)]
    with pytest.raises(ValueError, match=r"same tIoU thresholds, but are at \[0\.5\] and \[0\.7\]"):
        compare_precisions(matches[0], matches[1], truth, [0, 1])
