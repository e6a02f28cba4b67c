from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from aher_lightning.metrics.functional.proposal_recall import proposal_recalls
from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.metrics.proposal_recall import ProposalRecall
from tests.helpers.metric_cases import MetricCase, detections, random_case


def values_of(metric: ProposalRecall) -> dict[str, float]:
    return {key: float(value) for key, value in metric.compute().items()}


def collect(case: MetricCase, batches: list[list[int]]) -> dict[str, float]:
    metric = ProposalRecall()
    for batch in batches:
        metric.update([case.predictions[video] for video in batch], [case.targets[video] for video in batch], batch)
    return values_of(metric)


@pytest.fixture(params=range(4))
def case(request: pytest.FixtureRequest) -> MetricCase:
    return random_case(request.param)


def test_equals_the_function(case: MetricCase) -> None:
    videos = list(range(case.num_videos))
    expected = proposal_recalls(
        table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)
    )
    values = collect(case, [videos])
    assert list(values) == ["AR@1", "AR@10", "AR@100", "AUC"]
    assert list(values.values())[:3] == [expected.average_recalls[number - 1] for number in (1, 10, 100)]
    assert values["AUC"] == expected.area_under_curve


def test_numbers_can_be_chosen(case: MetricCase) -> None:
    metric = ProposalRecall(average_numbers=(5,))
    metric.update(case.predictions, case.targets, range(case.num_videos))
    assert list(values_of(metric)) == ["AR@5", "AUC"]
    with pytest.raises(ValueError, match=r"must be in 1 to 100; got \[0\]"):
        ProposalRecall(average_numbers=(0,))


def test_neither_order_nor_batches_nor_repetition_matter(case: MetricCase) -> None:
    videos = list(range(case.num_videos))
    expected = collect(case, [videos])
    order = np.random.default_rng(0).permutation(case.num_videos).tolist()
    assert collect(case, [[video] for video in order]) == expected
    assert collect(case, [order[:5], order[5:6], [], order[6:]]) == expected
    assert collect(case, [order[:8], order[4:]]) == expected


def test_a_copy_goes_on_from_the_same_state(case: MetricCase) -> None:
    metric = ProposalRecall()
    metric.update(case.predictions[:6], case.targets[:6], range(6))
    copy = pickle.loads(pickle.dumps(metric))
    assert values_of(copy) == values_of(metric)
    copy.update(case.predictions[6:], case.targets[6:], range(6, case.num_videos))
    assert values_of(copy) == collect(case, [list(range(case.num_videos))])


def test_reset_forgets(case: MetricCase) -> None:
    metric = ProposalRecall()
    metric.update(case.predictions[:6], case.targets[:6], range(6))
    metric.reset()
    metric.update(case.predictions[8:], case.targets[8:], range(8, case.num_videos))
    assert values_of(metric) == collect(case, [list(range(8, case.num_videos))])


def test_forward_collects(case: MetricCase) -> None:
    metric = ProposalRecall()
    batches = [list(range(6)), list(range(6, case.num_videos))]
    for batch in batches:
        chosen = [case.predictions[video] for video in batch], [case.targets[video] for video in batch]
        value = {key: float(value) for key, value in metric(*chosen, batch).items()}
        assert value == collect(case, [batch])
    assert values_of(metric) == collect(case, batches)


def test_without_ground_truth_the_value_is_undefined() -> None:
    metric = ProposalRecall()
    metric.update([detections([[0, 1]], [1], [0])], [detections([], [], [])], [0])
    assert all(torch.isnan(value) for value in metric.compute().values())
    assert all(value.dtype == torch.float64 for value in metric.compute().values())


def test_plot_draws_the_reported_recalls_by_their_number(case: MetricCase) -> None:
    metric = ProposalRecall(average_numbers=(50, 2, 10))
    metric.update(case.predictions, case.targets, range(case.num_videos))
    _, axes = metric.plot()
    (line,) = axes.lines
    values = values_of(metric)
    assert np.asarray(line.get_xdata()).tolist() == [2, 10, 50]
    assert np.asarray(line.get_ydata()).tolist() == [values["AR@2"], values["AR@10"], values["AR@50"]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "10", "50"]
    assert axes.get_ylabel() == "average recall (AR)"
