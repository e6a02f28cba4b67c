from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from aher_lightning.metrics.per_video import PerVideoMetric
from aher_lightning.structures import Detections
from tests.helpers.gloo import run_on_processes
from tests.helpers.metric_cases import detections
from tests.helpers.metric_workers import compute_all, compute_share


class Counter(PerVideoMetric):
    """The smallest metric: how many videos and detections it has."""

    def compute(self) -> Tensor:
        tables = self.tables()
        return torch.tensor([tables.num_videos, len(tables.predictions.videos), len(tables.ground_truth.videos)])


@pytest.fixture
def one() -> Detections:
    return detections([[0, 1], [2, 3]], [0.9, 0.8], [0, 1])


def test_a_repeated_video_counts_once(one: Detections) -> None:
    metric, nothing = Counter(), detections([], [], [])
    metric.update([one, one], [nothing, one], [5, 9])
    metric.update([one], [one], [9])
    assert metric.compute().tolist() == [2, 4, 2]


def test_tables_are_in_order_of_the_video_index(one: Detections) -> None:
    metric = Counter()
    metric.update([one, one._replace(labels=one.labels + 10)], [one, one], [7, 2])
    found = metric.tables().predictions
    assert found.videos.tolist() == [2, 2, 7, 7]
    assert found.labels.tolist() == [10, 11, 0, 1]


def test_videos_may_go_by_their_names(one: Detections) -> None:
    metric, numbered = Counter(), Counter()
    metric.update([one, one], [one, one], ["v_a", "7"])
    metric.update([one], [one], ["v_a"])
    numbered.update([one], [one], [7])
    assert metric.compute().tolist() == [2, 4, 4]
    # The same on every machine and in every process, unlike Python's own hash.
    assert set(metric.tables().predictions.videos.tolist()) == {2659555639093336633, 2179911986702918307}
    assert numbered.tables().predictions.videos.tolist() == [7, 7]


def test_forward_returns_the_value_of_the_batch(one: Detections) -> None:
    metric = Counter()
    assert metric([one], [one], [0]).tolist() == [1, 2, 2]
    assert metric([one, one], [one, one], [1, 2]).tolist() == [2, 4, 4]
    assert metric.compute().tolist() == [3, 6, 6]


def test_nothing_but_empty_updates_gives_empty_tables() -> None:
    metric = Counter()
    metric.update([], [], [])
    assert metric.compute().tolist() == [0, 0, 0]
    metric.reset()
    assert metric.tables().predictions.segments.shape == (0, 2)


def test_lengths_must_agree(one: Detections) -> None:
    with pytest.raises(
        ValueError, match="predictions, targets and video_ids must have equal lengths, but have 1, 1 and 2"
    ):
        Counter().update([one], [one], [0, 1])


def test_fields_must_agree(one: Detections) -> None:
    with pytest.raises(ValueError, match=r"have \(2, 2\), \(1,\) and \(2,\)"):
        Counter().update([one._replace(scores=one.scores[:1])], [one], [0])


@pytest.mark.ddp
def test_processes_agree_with_one_process(tmp_path: Path) -> None:
    cases = {
        "unequal": [[0, 1, 2], [3, 4, 5, 6, 7, 8, 9, 10, 11]],
        "both have 0 and 3": [[0, 2, 4, 6, 8, 10, 3], [1, 3, 5, 7, 9, 11, 0]],
        "7 and 3 videos, both have 4": [[0, 1, 2, 4, 5, 6, 8], [9, 4, 10]],
        "first without any": [[], list(range(12))],
        "second without any": [list(range(12)), []],
    }
    results = run_on_processes(compute_all, 2, tmp_path, list(cases.values()))
    # Equal to the last bit, and not only nearly.
    expected = {name: compute_share(0, [sorted({*first, *second})]) for name, (first, second) in cases.items()}
    for result in results:
        assert isinstance(result, list)
        assert dict(zip(cases, result, strict=True)) == expected
    assert expected["unequal"] != expected["7 and 3 videos, both have 4"]
    names = expected["unequal"][4].keys()
    assert names > {"mAP", "AUC", "even/AUC", "harmonic/mAP", "oracle_labels/mAP", "oracle_segments/mAP"}


def test_a_process_without_videos_sends_what_the_others_expect() -> None:
    metric, sent = Counter(), []

    def gather(state: Tensor, group: object) -> list[Tensor]:
        sent.append((state.dtype, tuple(state.shape), group))
        return [state]

    metric.sync(dist_sync_fn=gather, process_group="everyone", distributed_available=lambda: True)
    flat, long, double = (0,), torch.int64, torch.float64
    found = [(long, flat), (long, flat), (double, (0, 2)), (double, flat), (long, flat)]
    truth = [(long, flat), (double, (0, 2)), (long, flat)]
    assert sent == [(*one, "everyone") for one in (*found, *truth)]
    assert metric.tables().num_videos == 0
