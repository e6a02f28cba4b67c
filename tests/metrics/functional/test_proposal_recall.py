from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.metrics.functional.proposal_recall import ProposalRecalls, proposal_recalls, rank_proposals
from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import MetricCase, detections, random_case
from tests.helpers.metric_reference import average_recalls
from tests.helpers.official_results import official_case


def score(found: list[Detections], truth: list[Detections]) -> ProposalRecalls:
    videos = list(range(len(truth)))
    return proposal_recalls(table_from_detections(found, videos), table_from_detections(truth, videos))


@pytest.mark.golden
@pytest.mark.parametrize("name", ["small", "medium"])
def test_equals_the_official_evaluator(name: str) -> None:
    case = official_case(name)
    videos = restrict(read_activitynet(case.ground_truth), subset="validation")
    indices = {category: index for index, category in enumerate(list_categories(videos))}
    found = read_predictions(case.predictions).detections
    numbers = {video: number for number, video in enumerate(dict.fromkeys([*found, *videos]))}
    result = proposal_recalls(
        table_from_detections(list(found.values()), [numbers[video] for video in found]),
        table_from_detections(
            [video.as_targets(indices) for video in videos.values()], [numbers[video] for video in videos]
        ),
    )
    np.testing.assert_allclose(result.average_recalls, case.proposal["avg_recall"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.average_numbers, case.proposal["proposals_per_video"], rtol=0, atol=1e-9)
    assert 100 * result.area_under_curve == pytest.approx(case.proposal["auc_percent"], abs=1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_reference(seed: int) -> None:
    case = random_case(seed)
    result = score(case.predictions, case.targets)
    expected = average_recalls(case.reference_predictions(), case.reference_truths(), ACTIVITYNET_THRESHOLDS)
    np.testing.assert_allclose(result.average_recalls, expected, rtol=0, atol=1e-12)
    assert 0 < result.area_under_curve < 1
    assert (np.diff(result.average_recalls) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_more_proposals_than_counted_equal_the_slow_reference(seed: int) -> None:
    # 150 to 300 proposals per video: each video keeps its share of 100 on average.
    random = np.random.default_rng(seed)
    found, truth = [], []
    for video in range(4):
        count = int(random.integers(150, 301))
        starts = random.uniform(0, 90, count)
        segments = np.stack([starts, starts + random.uniform(1, 30, count)], axis=1)
        found.append(detections(segments, random.random(count).round(2), np.zeros(count)))
        # The last video has no instance; its proposals shrink the share of the others all the same.
        num_instances = 6 if video < 3 else 0
        truth.append(detections(segments[:num_instances] + 0.5, np.ones(num_instances), np.zeros(num_instances)))
    case = MetricCase(found, truth)
    result = score(found, truth)
    expected = average_recalls(case.reference_predictions(), case.reference_truths(), ACTIVITYNET_THRESHOLDS)
    np.testing.assert_allclose(result.average_recalls, expected, rtol=0, atol=1e-12)
    assert result.average_recalls[0] < result.average_recalls[-1]


def test_hand_computed_example() -> None:
    # 100 proposals: the right one is ranked 40th, so AR is 0 up to an AN of 39 and 1 from 40 on.
    segments = np.tile([50.0, 60.0], (100, 1))
    segments[39] = [0, 10]
    found = detections(segments, np.arange(100, 0, -1), np.zeros(100))
    result = score([found], [detections([[0, 10]], [1], [0])])
    assert result.average_recalls.tolist() == [0.0] * 39 + [1.0] * 61
    assert result.area_under_curve == pytest.approx((60 + 0.5) / 100)


def test_labels_are_not_looked_at() -> None:
    case = random_case(1)
    relabelled = [one._replace(labels=one.labels + 7) for one in case.predictions]
    first, second = score(case.predictions, case.targets), score(relabelled, case.targets)
    np.testing.assert_array_equal(first.recalls, second.recalls)
    assert first.recalls.max() > 0


def test_no_proposal_recalls_nothing() -> None:
    nothing, truth = detections([], [], []), detections([[0, 10]], [1], [0])
    assert score([nothing], [truth]).area_under_curve == 0
    only_elsewhere = proposal_recalls(table_from_detections([truth], [1]), table_from_detections([truth], [0]))
    assert only_elsewhere.average_recalls.tolist() == [0.0] * 100


def test_without_ground_truth_the_recall_is_undefined() -> None:
    nothing = detections([], [], [])
    assert np.isnan(score([detections([[0, 10]], [1], [0])], [nothing]).area_under_curve)
    assert np.isnan(score([nothing], [nothing]).average_recalls).all()


@pytest.mark.parametrize("seed", range(6))
def test_weights_of_videos_count_like_copies(seed: int) -> None:
    case, random = random_case(seed), np.random.default_rng(seed)
    weights = random.integers(0, 4, case.num_videos)
    videos = list(range(case.num_videos))
    ranked = rank_proposals(
        table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
    )
    copies = [video for video, weight in enumerate(weights.tolist()) for _ in range(weight)]
    expected = score([case.predictions[video] for video in copies], [case.targets[video] for video in copies])
    result = ranked.recalls(weights.astype(np.float64))
    np.testing.assert_array_equal(result.recalls, expected.recalls)
    assert 0 < result.area_under_curve == expected.area_under_curve < 1
    assert np.isnan(ranked.recalls(np.zeros(case.num_videos)).average_recalls).all()
