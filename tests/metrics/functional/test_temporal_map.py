from __future__ import annotations

import numpy as np
import pytest
import torch

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.metrics.functional.detection_matching import match_predictions
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions, rank_hits
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import MetricCase, detections, random_case
from tests.helpers.metric_reference import mean_average_precision
from tests.helpers.official_results import official_case


def tables(case: MetricCase) -> tuple[SegmentTable, SegmentTable]:
    videos = list(range(case.num_videos))
    return table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)


def score(found: Detections, truth: Detections, *thresholds: float) -> list[float]:
    result = average_precisions(table_from_detections([found], [0]), table_from_detections([truth], [0]), thresholds)
    means: list[float] = result.means.tolist()
    return means


@pytest.mark.golden
@pytest.mark.parametrize("name", ["small", "medium"])
def test_equals_the_official_evaluator(name: str) -> None:
    case = official_case(name)
    videos = restrict(read_activitynet(case.ground_truth), subset="validation")
    categories = list_categories(videos)
    found = read_predictions(case.predictions, categories).detections
    numbers = {video: number for number, video in enumerate(dict.fromkeys([*found, *videos]))}
    indices = {category: index for index, category in enumerate(categories)}
    result = average_precisions(
        table_from_detections(list(found.values()), [numbers[video] for video in found]),
        table_from_detections(
            [video.as_targets(indices) for video in videos.values()], [numbers[video] for video in videos]
        ),
    )
    assert result.thresholds == tuple(case.detection["tiou"])
    np.testing.assert_allclose(result.means, case.detection["mAP"], rtol=0, atol=1e-9)
    assert result.average == pytest.approx(case.detection["average_mAP"], abs=1e-9)
    expected = np.array([case.detection["ap_per_class"][categories[label]] for label in result.labels]).T
    np.testing.assert_allclose(result.values, expected, rtol=0, atol=1e-9)
    assert len(result.labels) == len(case.detection["ap_per_class"])


@pytest.mark.parametrize("seed", range(12))
def test_equals_the_slow_reference(seed: int) -> None:
    case = random_case(seed)
    found, truth = tables(case)
    result = average_precisions(found, truth)
    expected = [
        mean_average_precision(case.reference_predictions(), case.reference_truths(), threshold)
        for threshold in ACTIVITYNET_THRESHOLDS
    ]
    np.testing.assert_allclose(result.means, expected, rtol=0, atol=1e-12)
    assert 0 < result.average < 1


@pytest.mark.parametrize("seed", range(6))
def test_crowded_video_equals_the_slow_reference(seed: int) -> None:
    # Many overlapping instances of one category: detections compete for them and are displaced in chains.
    random = np.random.default_rng(seed)
    starts = np.sort(random.uniform(0, 10, 25))
    truth = detections(np.stack([starts, starts + random.uniform(8, 12, 25)], axis=1), np.ones(25), np.zeros(25))
    starts = random.uniform(0, 10, 120)
    found = detections(
        np.stack([starts, starts + random.uniform(8, 12, 120)], axis=1), random.random(120), np.zeros(120)
    )
    case = MetricCase([found], [truth])
    thresholds = (0.3, 0.6, 0.8)
    expected = [mean_average_precision(case.reference_predictions(), case.reference_truths(), at) for at in thresholds]
    assert score(found, truth, *thresholds) == pytest.approx(expected, abs=1e-12)


def test_hand_computed_example() -> None:
    # Ranked: hit, miss, hit of three instances. Precision 1, 1/2, 2/3; recall 1/3, 1/3, 2/3: 1/3 + 1/3 * 2/3.
    truth = detections([[0, 10], [20, 30], [40, 50]], [1, 1, 1], [0, 0, 0])
    found = detections([[40, 50], [60, 70], [0, 10]], [0.9, 0.8, 0.7], [0, 0, 0])
    assert score(found, truth, 0.5) == pytest.approx([5 / 9])


def test_the_best_free_instance_is_taken() -> None:
    truth = detections([[0, 10], [2, 12]], [1, 1], [0, 0])
    both_fit = detections([[1, 12], [1, 12]], [0.9, 0.8], [0, 0])
    assert score(both_fit, truth, 0.7) == pytest.approx([1.0])
    # The second one finds its only choice taken, and is a false positive.
    assert score(both_fit, truth, 0.9) == pytest.approx([0.5])


def test_threshold_is_reached_by_equality() -> None:
    truth, half = detections([[0, 10]], [1], [0]), detections([[0, 5]], [1], [0])
    assert score(half, truth, 0.5) == [1.0]
    assert score(half, truth, 0.5 + 1e-9) == [0.0]


def test_equal_scores_rank_in_their_order() -> None:
    truth = detections([[0, 10]], [1], [0])
    hit_first, miss_first = [[0, 10], [20, 30]], [[20, 30], [0, 10]]
    assert score(detections(hit_first, [0.5, 0.5], [0, 0]), truth, 0.5) == [1.0]
    assert score(detections(miss_first, [0.5, 0.5], [0, 0]), truth, 0.5) == [0.5]


def test_detections_in_unknown_videos_are_false_positives() -> None:
    one = detections([[0, 10]], [0.5], [0])
    sure = detections([[0, 10]], [0.9], [0])
    truth = table_from_detections([one], [0])
    assert average_precisions(table_from_detections([one, sure], [0, 1]), truth).average == pytest.approx(0.5)


def test_categories_without_instance_are_ignored_and_without_detection_count_as_zero() -> None:
    truth = detections([[0, 10], [20, 30]], [1, 1], [3, 8])
    found = detections([[0, 10], [0, 10]], [0.9, 0.8], [3, 5])
    result = average_precisions(table_from_detections([found], [0]), table_from_detections([truth], [0]), [0.5])
    assert result.labels.tolist() == [3, 8]
    assert result.values.tolist() == [[1.0, 0.0]]


def test_segments_of_no_length_are_found_by_nothing() -> None:
    point = detections([[5, 5]], [1], [0])
    assert score(point, point, 0.5) == [0.0]


def test_without_ground_truth_the_mean_is_undefined() -> None:
    nothing = table_from_detections([detections([], [], [])], [0])
    result = average_precisions(nothing, nothing)
    assert np.isnan(result.means).all()
    assert np.isnan(result.average)


def test_without_detections_the_mean_is_zero() -> None:
    assert score(detections([], [], []), detections([[0, 10]], [1], [0]), 0.5) == [0.0]


@pytest.mark.parametrize("seed", range(4))
def test_weights_of_videos_count_like_copies(seed: int) -> None:
    random = np.random.default_rng(seed)
    tied = random_case(seed)
    scores = [one.scores + 0.01 * torch.from_numpy(random.random(len(one.scores))) for one in tied.predictions]
    case = MetricCase(
        [one._replace(scores=new) for one, new in zip(tied.predictions, scores, strict=True)], tied.targets
    )
    found, truth = tables(case)
    weights = random.integers(0, 4, case.num_videos)
    copies = [video for video, weight in enumerate(weights.tolist()) for _ in range(weight)]
    numbers = list(range(len(copies)))
    expected = average_precisions(
        table_from_detections([case.predictions[video] for video in copies], numbers),
        table_from_detections([case.targets[video] for video in copies], numbers),
    )
    result = rank_hits(match_predictions(found, truth), truth).precisions(weights.astype(np.float64))
    assert result.labels.tolist() == expected.labels.tolist()
    np.testing.assert_allclose(result.values, expected.values, rtol=0, atol=1e-12)
    assert 0 < result.average < 1
