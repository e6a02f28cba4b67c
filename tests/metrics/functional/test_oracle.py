from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest

from aher_lightning.metrics.functional.oracle import Oracle, apply_oracle, with_true_labels, with_true_segments
from aher_lightning.metrics.functional.segment_table import SegmentTable, table_from_detections, without_copies
from aher_lightning.metrics.functional.temporal_map import average_precisions
from tests.helpers.metric_cases import detections, random_case
from tests.helpers.metric_reference import Prediction, Truth, overlap

EMPTY = table_from_detections([], [])


def table(*rows: tuple[int, float, float, float, int]) -> SegmentTable:
    """Return a table of (video, start, end, score, label)."""
    videos, starts, ends, scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    return SegmentTable(videos, np.stack([starts, ends], axis=1).astype(float), scores.astype(float), labels)


def instances(*rows: tuple[int, float, float, int]) -> SegmentTable:
    """Return ground truth of (video, start, end, label)."""
    return table(*((video, start, end, 1.0, label) for video, start, end, label in rows))


def rows(one: SegmentTable) -> list[tuple[int, float, float, float, int]]:
    columns = (one.videos, one.segments[:, 0], one.segments[:, 1], one.scores, one.labels)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def random_tables(seed: int) -> tuple[SegmentTable, SegmentTable]:
    """Return predictions and instances that overlap each other, touch, tie and repeat; every fourth video is odd."""
    case = random_case(seed, num_videos=16)
    videos = list(range(case.num_videos))
    return table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)


def disjoint_tables(seed: int) -> tuple[SegmentTable, SegmentTable]:
    """Return 8 videos with 1 to 5 separate instances each, and 25 random predictions in each."""
    random = np.random.default_rng(seed)
    found, truth = [], []
    for _ in range(8):
        edges = np.sort(random.choice(100, 2 * int(random.integers(1, 6)), replace=False)).reshape(-1, 2)
        truth.append(detections(edges, np.ones(len(edges)), random.integers(0, 3, len(edges))))
        starts = random.uniform(0, 80, 25)
        segments = np.stack([starts, starts + random.uniform(1, 20, 25)], axis=1)
        found.append(detections(segments, random.random(25).round(1), random.integers(0, 4, 25)))
    return table_from_detections(found, range(8)), table_from_detections(truth, range(8))


def reference_closest(one: Prediction, truths: Sequence[Truth]) -> tuple[Truth | None, float]:
    """Return the instance that a prediction is about, and their tIoU."""
    best, best_rank = None, (-1.0, 0.0)
    for truth in truths:
        if truth.video != one.video:
            continue
        gap = max(truth.segment[0] - one.segment[1], one.segment[0] - truth.segment[1], 0.0)
        rank = (overlap(one.segment, truth.segment), -gap)
        if rank > best_rank:
            best, best_rank = truth, rank
    return best, best_rank[0]


def reference_labels(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> list[Prediction]:
    closest = [reference_closest(one, truths)[0] for one in predictions]
    return [
        one if truth is None else one._replace(label=truth.label)
        for one, truth in zip(predictions, closest, strict=True)
    ]


def reference_segments(predictions: Sequence[Prediction], truths: Sequence[Truth]) -> list[Prediction]:
    best: dict[tuple[int, int], int] = {}
    targets = {}
    for row, one in enumerate(predictions):
        truth, value = reference_closest(one, truths)
        if truth is None or value == 0:
            continue
        # Identity and not equality: an instance may be annotated twice.
        key = (next(number for number, other in enumerate(truths) if other is truth), one.label)
        targets[row] = truth
        if key not in best or one.score > predictions[best[key]].score:
            best[key] = row
    return [predictions[row]._replace(segment=targets[row].segment) for row in sorted(best.values())]


def plain(one: SegmentTable) -> list[Prediction]:
    return [Prediction(video, label, score, (start, end)) for video, start, end, score, label in rows(one)]


@pytest.mark.parametrize("make", [random_tables, disjoint_tables])
@pytest.mark.parametrize("seed", range(6))
def test_equals_the_slow_reference(seed: int, make: type) -> None:
    found, truth = make(seed)
    truths = [Truth(one.video, one.label, one.segment) for one in plain(truth)]
    assert plain(with_true_labels(found, truth)) == reference_labels(plain(without_copies(found)), truths)
    assert plain(with_true_segments(found, truth)) == reference_segments(plain(found), truths)
    assert 0 < len(with_true_segments(found, truth).videos) < len(found.videos)


def test_labels_come_from_the_instance_with_the_largest_overlap() -> None:
    truth = instances((0, 0, 10, 1), (0, 8, 20, 2), (1, 0, 10, 3))
    found = table((0, 4, 13, 0.5, 9), (0, 7, 16, 0.9, 9), (1, 5, 30, 0.1, 9))
    changed = with_true_labels(found, truth)
    assert changed.labels.tolist() == [1, 2, 3]
    assert rows(changed._replace(labels=found.labels)) == rows(found)


def test_labels_without_overlap_come_from_the_nearest_instance() -> None:
    truth = instances((0, 0, 10, 1), (0, 30, 40, 2), (0, 50, 60, 3))
    # 12 to 19 is nearer to the first, 41 to 48 to the second; 43 to 47 is as near to the second as to the third.
    found = table((0, 12, 19, 1, 9), (0, 41, 48, 1, 9), (0, 43, 47, 1, 9), (0, 10, 11, 1, 9), (7, 0, 10, 1, 9))
    assert with_true_labels(found, truth).labels.tolist() == [1, 2, 2, 1, 9]


def test_of_equal_instances_the_first_counts() -> None:
    truth = instances((0, 0, 10, 4), (0, 0, 10, 5), (0, 20, 30, 6))
    assert with_true_labels(table((0, 0, 10, 1, 5), (0, 5, 25, 1, 9)), truth).labels.tolist() == [4, 4]


def test_segments_come_from_the_instance_with_the_largest_overlap_whatever_its_label() -> None:
    truth = instances((0, 0, 10, 1), (0, 8, 20, 2))
    found = table((0, 7, 16, 0.9, 1), (0, 30, 40, 0.8, 1), (0, 20, 30, 0.7, 2), (3, 0, 10, 0.6, 1))
    # The others overlap no instance of their video: one is far away, one only touches, one has a video without any.
    assert rows(with_true_segments(found, truth)) == [(0, 8, 20, 0.9, 1)]


def test_the_best_of_the_predictions_with_one_instance_and_label_stays() -> None:
    truth = instances((0, 0, 10, 1), (0, 20, 30, 1))
    found = table(
        (0, 1, 9, 0.5, 1),
        (0, 2, 9, 0.7, 1),
        (0, 3, 9, 0.7, 1),
        (0, 0, 9, 0.1, 2),
        (0, 21, 29, 0.2, 1),
        (0, 0, 9, 0.3, 2),
    )
    expected = [(0, 0, 10, 0.7, 1), (0, 20, 30, 0.2, 1), (0, 0, 10, 0.3, 2)]
    assert rows(with_true_segments(found, truth)) == expected


def test_instances_of_no_length_attract_labels_but_no_segments() -> None:
    truth, found = instances((0, 5, 5, 1)), table((0, 0, 10, 0.9, 2))
    assert with_true_labels(found, truth).labels.tolist() == [1]
    assert rows(with_true_segments(found, truth)) == []


@pytest.mark.parametrize("oracle", get_args(Oracle))
@pytest.mark.parametrize("seed", range(4))
def test_perfect_predictions_stay_perfect(oracle: Oracle, seed: int) -> None:
    _, truth = disjoint_tables(seed)
    changed = apply_oracle(oracle, truth, truth)
    assert rows(changed) == rows(truth)
    assert average_precisions(changed, truth).average == 1


@pytest.mark.parametrize("seed", range(4))
def test_true_labels_make_the_predicted_ones_meaningless(seed: int) -> None:
    # Every video has an instance; elsewhere the labels stay, and with them their influence.
    found, truth = disjoint_tables(seed)
    before = average_precisions(found, truth).average
    expected = average_precisions(with_true_labels(found, truth), truth).average
    assert before < expected < 1
    random = np.random.default_rng(seed)
    for labels in (np.zeros_like(found.labels), random.permutation(found.labels), found.labels + 100):
        changed = with_true_labels(found._replace(labels=labels), truth)
        assert average_precisions(changed, truth).average == expected


@pytest.mark.parametrize("seed", range(4))
def test_true_segments_make_all_thresholds_equal(seed: int) -> None:
    found, truth = disjoint_tables(seed)
    means = average_precisions(with_true_segments(found, truth), truth, [0.05, 0.5, 0.75, 1.0]).means
    assert len(set(means.tolist())) == 1
    assert average_precisions(found, truth).average < means[0] < 1


@pytest.mark.parametrize("seed", range(4))
def test_both_oracles_together_leave_no_error_but_missing_segments(seed: int) -> None:
    found, truth = disjoint_tables(seed)
    both = with_true_segments(with_true_labels(found, truth), truth)
    values = average_precisions(both, truth)
    covered = {(video, start, label) for video, start, _, _, label in rows(both)}
    for column, label in enumerate(values.labels.tolist()):
        wanted = {(video, start, label) for video, start, _, _, other in rows(truth) if other == label}
        assert values.values[:, column] == pytest.approx(len(wanted & covered) / len(wanted))
    assert len(covered) == len(both.videos)


@pytest.mark.parametrize("oracle", get_args(Oracle))
def test_empty_tables(oracle: Oracle) -> None:
    found, truth = disjoint_tables(0)
    assert rows(apply_oracle(oracle, EMPTY, truth)) == []
    assert rows(apply_oracle(oracle, EMPTY, EMPTY)) == []
    assert rows(apply_oracle(oracle, found, EMPTY)) == (rows(found) if oracle == "labels" else [])
