from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.category_ranks import category_rows, ranks_in_instances
from aher_lightning.metrics.functional.detection_matching import match_predictions
from tests.helpers.diagnosis_cases import instances, mistaken_case, table, tables

TRUTH = instances((0, 0, 10, 3), (0, 20, 30, 5), (1, 0, 10, 3))


def test_categories_come_best_score_first_and_may_be_empty() -> None:
    found = table((0, 0, 1, 0.2, 3), (0, 0, 1, 0.9, 3), (0, 0, 1, 0.2, 3), (0, 0, 1, 0.95, 4))
    matches = match_predictions(found, TRUTH)
    rows = [matches.rows[of_category].tolist() for of_category in category_rows(matches, np.array([3, 5]))]
    assert rows == [[1, 0, 2], []]


def test_ranks_count_in_instances_of_the_category() -> None:
    scores = (0.9, 0.8, 0.7, 0.6, 0.5)
    found = table(*((7, 0, 1, score, label) for score in scores for label in (3, 5)))
    matches = match_predictions(found, TRUTH)
    ranks = ranks_in_instances(matches, TRUTH)
    assert ranks[matches.ranked.labels == 3].tolist() == [1, 1, 2, 2, 3]
    assert ranks[matches.ranked.labels == 5].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("seed", range(3))
def test_up_to_each_multiple_there_are_as_many_predictions_of_a_category(seed: int) -> None:
    found, truth = tables(mistaken_case(seed))
    matches = match_predictions(found, truth)
    ranks = ranks_in_instances(matches, truth)
    for label, count in zip(*np.unique(truth.labels, return_counts=True), strict=True):
        own = ranks[matches.ranked.labels == label]
        assert all((own <= multiple).sum() == min(multiple * count, len(own)) for multiple in range(1, 12))
        assert (np.diff(own) >= 0).all()
