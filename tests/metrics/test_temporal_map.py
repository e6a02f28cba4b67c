from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from tests.helpers.metric_cases import MetricCase, detections, random_case


def values_of(metric: TemporalMeanAveragePrecision) -> dict[str, float]:
    return {key: float(value) for key, value in metric.compute().items()}


def collect(case: MetricCase, batches: list[list[int]]) -> dict[str, float]:
    metric = TemporalMeanAveragePrecision()
    for batch in batches:
        metric.update([case.predictions[video] for video in batch], [case.targets[video] for video in batch], batch)
    return values_of(metric)


@pytest.fixture(params=range(4))
def case(request: pytest.FixtureRequest) -> MetricCase:
    return random_case(request.param)


def test_equals_the_function(case: MetricCase) -> None:
    videos = list(range(case.num_videos))
    expected = average_precisions(
        table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
    )
    values = collect(case, [videos])
    assert list(values)[:2] == ["mAP@0.50", "mAP@0.55"]
    assert list(values.values()) == [*expected.means.tolist(), expected.average]


def test_thresholds_can_be_chosen(case: MetricCase) -> None:
    metric = TemporalMeanAveragePrecision([0.3, 0.625])
    metric.update(case.predictions, case.targets, range(case.num_videos))
    values = values_of(metric)
    assert list(values) == ["mAP@0.30", "mAP@0.625", "mAP"]
    assert values["mAP"] == pytest.approx((values["mAP@0.30"] + values["mAP@0.625"]) / 2)
    with pytest.raises(ValueError, match="thresholds must be"):
        TemporalMeanAveragePrecision([2.0])


def test_neither_order_nor_batches_nor_repetition_matter(case: MetricCase) -> None:
    videos = list(range(case.num_videos))
    expected = collect(case, [videos])
    order = np.random.default_rng(0).permutation(case.num_videos).tolist()
    assert collect(case, [[video] for video in order]) == expected
    assert collect(case, [order[:5], order[5:6], [], order[6:]]) == expected
    assert collect(case, [order[:8], order[4:]]) == expected


def test_a_copy_goes_on_from_the_same_state(case: MetricCase) -> None:
    metric = TemporalMeanAveragePrecision()
    metric.update(case.predictions[:6], case.targets[:6], range(6))
    copy = pickle.loads(pickle.dumps(metric))
    assert values_of(copy) == values_of(metric)
    copy.update(case.predictions[6:], case.targets[6:], range(6, case.num_videos))
    assert values_of(copy) == collect(case, [list(range(case.num_videos))])


def test_reset_forgets(case: MetricCase) -> None:
    metric = TemporalMeanAveragePrecision()
    metric.update(case.predictions[:6], case.targets[:6], range(6))
    metric.reset()
    metric.update(case.predictions[8:], case.targets[8:], range(8, case.num_videos))
    assert values_of(metric) == collect(case, [list(range(8, case.num_videos))])


def test_forward_collects(case: MetricCase) -> None:
    metric = TemporalMeanAveragePrecision()
    batches = [list(range(6)), list(range(6, case.num_videos))]
    for batch in batches:
        chosen = [case.predictions[video] for video in batch], [case.targets[video] for video in batch]
        value = {key: float(value) for key, value in metric(*chosen, batch).items()}
        assert value == collect(case, [batch])
    assert values_of(metric) == collect(case, batches)


def test_without_ground_truth_the_value_is_undefined() -> None:
    metric = TemporalMeanAveragePrecision()
    metric.update([detections([[0, 1]], [1], [0])], [detections([], [], [])], [0])
    assert all(torch.isnan(value) for value in metric.compute().values())
    assert all(value.dtype == torch.float64 for value in metric.compute().values())


def test_class_agnostic_lets_all_labels_count_as_one(case: MetricCase) -> None:
    videos = list(range(case.num_videos))
    metric = TemporalMeanAveragePrecision(class_agnostic=True)
    metric.update(case.predictions, case.targets, videos)
    one = [
        [record._replace(labels=torch.zeros_like(record.labels)) for record in records]
        for records in (case.predictions, case.targets)
    ]
    expected = average_precisions(table_from_detections(one[0], videos), table_from_detections(one[1], videos))
    assert values_of(metric) == expected.named()
    assert values_of(metric)["mAP"] != collect(case, [videos])["mAP"]


def test_plot_draws_map_against_tiou(case: MetricCase) -> None:
    metric = TemporalMeanAveragePrecision([0.3, 0.5, 0.7])
    metric.update(case.predictions, case.targets, range(case.num_videos))
    _, axes = metric.plot()
    (line,) = axes.lines
    assert np.asarray(line.get_xdata()).tolist() == [0.3, 0.5, 0.7]
    assert np.asarray(line.get_ydata()).tolist() == list(values_of(metric).values())[:3]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("tIoU", "mAP")
