from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.detection_matching import UNMATCHED, match_predictions
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections
from tests.helpers.metric_cases import detections, random_case


def table(segments: object, scores: object, labels: object) -> SegmentTable:
    return table_from_detections([detections(segments, scores, labels)], [0])


def test_the_best_score_takes_the_closest_free_instance() -> None:
    truth = table([[0, 10], [0, 8]], [1, 1], [3, 3])
    found = table([[0, 9], [0, 8], [0, 10]], [0.5, 0.9, 0.7], [3, 3, 3])
    matches = match_predictions(found, truth, [0.75])
    assert matches.rows.tolist() == [1, 2, 0]
    assert matches.instances.tolist() == [[1, 0, UNMATCHED]]


def test_rows_of_categories_without_ground_truth_are_left_out() -> None:
    truth = table([[0, 10]], [1], [3])
    matches = match_predictions(table([[0, 10], [0, 10]], [0.9, 0.8], [4, 3]), truth, [0.5, 0.9])
    assert matches.rows.tolist() == [1]
    assert matches.ranked.labels.tolist() == [3]
    assert matches.instances.tolist() == [[0], [0]]


@pytest.mark.parametrize("seed", range(4))
def test_a_match_is_of_one_video_and_category_close_enough_and_unique(seed: int) -> None:
    case = random_case(seed)
    videos = list(range(case.num_videos))
    found, truth = table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
    matches = match_predictions(found, truth)
    for threshold, instances in zip(matches.thresholds, matches.instances, strict=True):
        taken = instances[instances != UNMATCHED]
        left, right = matches.ranked.rows(instances != UNMATCHED), truth.rows(taken)
        assert len(np.unique(taken)) == len(taken) > 0
        assert (left.videos == right.videos).all()
        assert (left.labels == right.labels).all()
        both = np.minimum(left.segments[:, 1], right.segments[:, 1]) - np.maximum(
            left.segments[:, 0], right.segments[:, 0]
        )
        either = np.diff(left.segments)[:, 0] + np.diff(right.segments)[:, 0] - both
        assert (both / either >= threshold - 1e-12).all()
    np.testing.assert_array_equal(found.scores[matches.rows], matches.ranked.scores)
