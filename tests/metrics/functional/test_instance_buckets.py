from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.metrics.functional.instance_buckets import (
    ACTIVITYNET_EDGES,
    THUMOS14_EDGES,
    BucketEdges,
    Characteristics,
    characterize_instances,
    quantile_edges,
    sort_into_buckets,
)
from tests.helpers.diagnosis_cases import instances


def characteristics(length: object = (), coverage: object = (), count: object = ()) -> Characteristics:
    return Characteristics(
        np.array(length, dtype=np.float64), np.array(coverage, dtype=np.float64), np.array(count, dtype=np.int64)
    )


def test_characteristics_by_hand() -> None:
    truth = instances((7, 0, 10, 3), (2, 5, 5, 3), (7, 10, 40, 4), (7, 20, 25, 3))
    result = characterize_instances(truth, np.array([40.0, 20.0, 40.0, 40.0]))
    assert result.length_sec.tolist() == [10.0, 0.0, 30.0, 5.0]
    assert result.coverage.tolist() == [0.25, 0.0, 0.75, 0.125]
    # The same label in another video and another label in the same video do not count.
    assert result.count.tolist() == [2, 1, 1, 2]


@pytest.mark.parametrize("durations", [[10.0], [10.0, 0.0], [10.0, np.nan], [[10.0, 10.0]]])
def test_every_instance_needs_a_duration(durations: list[float]) -> None:
    with pytest.raises(ValueError, match="durations_sec must be a positive number for each of 2 instances; got"):
        characterize_instances(instances((0, 0, 1, 0), (0, 1, 2, 0)), np.array(durations))


def test_an_edge_belongs_to_the_bucket_below() -> None:
    found = characteristics(
        [0, 30, 30.01, 60, 120, 180, 180.01], [0, 0.2, 0.21, 0.4, 0.8, 0.81, 1.5], [1, 2, 4, 5, 8, 9]
    )
    buckets = sort_into_buckets(found, ACTIVITYNET_EDGES)
    assert buckets["length"].places.tolist() == [0, 0, 1, 1, 2, 3, 4]
    assert buckets["coverage"].places.tolist() == [0, 0, 1, 1, 3, 4, 4]
    assert buckets["count"].places.tolist() == [0, 1, 1, 2, 2, 3]


def test_buckets_of_activitynet_in_words() -> None:
    buckets = sort_into_buckets(characteristics(), ACTIVITYNET_EDGES)
    assert list(buckets) == ["length", "coverage", "count"]
    assert buckets["length"].names == buckets["coverage"].names == ("XS", "S", "M", "L", "XL")
    assert buckets["length"].ranges == ("up to 30 s", "30 to 60 s", "60 to 120 s", "120 to 180 s", "over 180 s")
    assert buckets["coverage"].ranges == ("up to 20 %", "20 to 40 %", "40 to 60 %", "60 to 80 %", "over 80 %")
    assert buckets["count"].names == ("XS", "S", "M", "L")
    assert buckets["count"].ranges == ("1", "2 to 4", "5 to 8", "over 8")


def test_buckets_of_thumos14_in_words() -> None:
    buckets = sort_into_buckets(characteristics(), THUMOS14_EDGES)
    assert buckets["length"].ranges == ("up to 3 s", "3 to 6 s", "6 to 12 s", "12 to 18 s", "over 18 s")
    assert buckets["coverage"].ranges == ("up to 2 %", "2 to 4 %", "4 to 6 %", "6 to 8 %", "over 8 %")
    assert buckets["count"].ranges == ("1", "2 to 40", "41 to 80", "over 80")


def test_other_edges_in_words() -> None:
    buckets = sort_into_buckets(
        characteristics([5, 2000]), BucketEdges(length_sec=(1.23456, 1234.5), coverage=(), count=(2, 3))
    )
    assert buckets["length"].ranges == ("up to 1.23 s", "1.23 to 1230 s", "over 1230 s")
    assert (buckets["coverage"].names, buckets["coverage"].ranges) == (("XS",), ("all",))
    assert buckets["count"].ranges == ("1 to 2", "3", "over 3")
    one_bucket = BucketEdges((), (), ())
    assert sort_into_buckets(characteristics([5, 2000], [], [1, 9]), one_bucket)["count"].ranges == ("all",)
    assert sort_into_buckets(characteristics([5, 2000], [], [1, 9]), one_bucket)["count"].places.tolist() == [0, 0]


@pytest.mark.parametrize("edges", [(2.0, 1.0), (1.0, 1.0), (1.0, float("nan")), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_edges_must_ascend_and_be_few(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="coverage must be at most 4 ascending edges; got"):
        BucketEdges((1.0,), edges, (1,))


@pytest.mark.parametrize("seed", range(3))
def test_quantile_edges_make_buckets_of_a_fifth_each(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = characteristics(random.random(50), random.random(50) / 100, np.ones(50))
    edges = quantile_edges(found)
    buckets = sort_into_buckets(found, edges)
    assert np.bincount(buckets["length"].places).tolist() == [10] * 5
    assert np.bincount(buckets["coverage"].places).tolist() == [10] * 5
    assert edges.count == ACTIVITYNET_EDGES.count
    assert quantile_edges(found, (1, 40)).count == (1, 40)


@pytest.mark.parametrize(
    ("values", "expected"), [([1, 1, 1, 1, 9], (1.0,)), ([1, 9, 9, 9, 9], (1.0,)), ([4, 4], ()), ([], ()), ([2], ())]
)
def test_equal_quantiles_are_merged_and_leave_no_bucket_empty(values: list[float], expected: tuple[float, ...]) -> None:
    found = characteristics(values, values, np.ones(len(values)))
    edges = quantile_edges(found)
    assert edges.length_sec == edges.coverage == expected
    if values:
        assert np.bincount(sort_into_buckets(found, edges)["length"].places, minlength=len(expected) + 1).all()
