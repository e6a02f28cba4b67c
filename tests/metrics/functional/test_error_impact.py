from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.category_ranks import ranks_in_instances
from aher_lightning.metrics.functional.detection_matching import UNMATCHED, match_predictions
from aher_lightning.metrics.functional.error_impact import count_types, precisions_without_errors
from aher_lightning.metrics.functional.error_types import ERROR_TYPES, PredictionType, classify_predictions
from aher_lightning.metrics.functional.segment_table import SegmentTable
from aher_lightning.metrics.functional.temporal_map import average_precisions
from tests.helpers.diagnosis_cases import instances, mistaken_case, table, tables


def values_without(found: SegmentTable, truth: SegmentTable, *thresholds: float) -> dict[str, list[list[float]]]:
    """Return the average precisions without each type by name, ``(H, K)``."""
    matches = match_predictions(found, truth, thresholds)
    result = precisions_without_errors(matches, classify_predictions(matches, truth), truth)
    return {kind.name: one.values.tolist() for kind, one in result.items()}


def test_counts_are_those_of_the_best_predictions_of_each_category() -> None:
    truth = instances((0, 0, 10, 3), (0, 20, 30, 3), (0, 40, 50, 5))
    found = table(
        (0, 0, 10, 0.9, 3),
        (0, 0, 10, 0.8, 3),
        (0, 0, 10, 0.7, 5),
        (0, 21, 30, 0.6, 3),
        (0, 60, 70, 0.5, 3),
        (0, 40, 50, 0.4, 5),
        (0, 60, 70, 0.3, 3),
    )
    matches = match_predictions(found, truth, [0.5])
    counts = count_types(classify_predictions(matches, truth)[0], ranks_in_instances(matches, truth), 2)
    # The best two of category 3 and the best of 5; then two more and one more. The seventh is beyond.
    assert counts.tolist() == [[1, 1, 1, 0, 0, 0], [3, 1, 1, 0, 0, 1]]


def test_counts_of_nothing_are_zero() -> None:
    nothing = np.empty(0, dtype=np.int64)
    assert count_types(nothing, nothing, 3).tolist() == [[0] * len(PredictionType)] * 3


def test_one_error_before_the_hit_costs_half_a_precision() -> None:
    truth = instances((0, 0, 10, 3))
    values = values_without(table((0, 20, 30, 0.9, 3), (0, 0, 10, 0.8, 3)), truth, 0.5)
    assert values.pop("BACKGROUND") == [[1.0]]
    assert set(values) == {"DOUBLE_DETECTION", "WRONG_LABEL", "LOCALIZATION", "CONFUSION"}
    assert all(value == [[0.5]] for value in values.values())


def test_hand_computed_example() -> None:
    truth = instances((0, 0, 10, 3), (0, 20, 30, 3), (1, 0, 10, 4))
    # Hit, double detection, confusion, hit: precision 1 and 2/4, of which each error is a part.
    found = table((0, 0, 10, 0.9, 3), (0, 0, 10, 0.8, 3), (1, 0, 4, 0.7, 3), (0, 20, 30, 0.6, 3))
    values = values_without(found, truth, 0.5)
    assert values["DOUBLE_DETECTION"] == [[pytest.approx(1 / 2 + 1 / 2 * 2 / 3), 0.0]]
    assert values["CONFUSION"] == values["DOUBLE_DETECTION"]
    assert values["BACKGROUND"] == [[pytest.approx(3 / 4), 0.0]]


def test_each_threshold_leaves_out_its_own_errors() -> None:
    # At 0.5 the first one is the hit and the second a duplicate; at 0.75 the first one is an error of localization.
    found = table((0, 0, 6, 0.9, 3), (0, 0, 10, 0.8, 3))
    values = values_without(found, instances((0, 0, 10, 3)), 0.5, 0.75)
    assert values["LOCALIZATION"] == [[1.0], [1.0]]
    assert values["DOUBLE_DETECTION"] == [[1.0], [0.5]]


@pytest.mark.parametrize("seed", range(6))
def test_equals_scoring_what_remains_and_is_never_lower(seed: int) -> None:
    found, truth = tables(mistaken_case(seed))
    matches = match_predictions(found, truth)
    types = classify_predictions(matches, truth)
    result = precisions_without_errors(matches, types, truth)
    before = average_precisions(found, truth)
    for kind in ERROR_TYPES:
        for row, threshold in enumerate(matches.thresholds):
            kept = found.rows(np.sort(matches.rows[types[row] != kind]))
            expected = average_precisions(kept, truth, [threshold]).values[0]
            np.testing.assert_allclose(result[kind].values[row], expected, rtol=0, atol=1e-12)
        assert (result[kind].values >= before.values).all()
        assert result[kind].average > before.average


@pytest.mark.parametrize("seed", range(3))
def test_without_errors_of_any_type_precision_is_one(seed: int) -> None:
    found, truth = tables(mistaken_case(seed))
    matches = match_predictions(found, truth, [0.5])
    is_right = classify_predictions(matches, truth)[0] == PredictionType.TRUE_POSITIVE
    result = average_precisions(matches.ranked.rows(is_right), truth, [0.5])
    hit_labels = truth.labels[matches.instances[0][matches.instances[0] != UNMATCHED]]
    recalls = [(hit_labels == label).sum() / (truth.labels == label).sum() for label in result.labels]
    np.testing.assert_allclose(result.values[0], recalls, rtol=0, atol=1e-12)
    assert 0 < result.average < 1
