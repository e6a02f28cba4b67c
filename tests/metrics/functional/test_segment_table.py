from __future__ import annotations

import numpy as np
import pytest
import torch

from aher_lightning.metrics.functional.segment_table import (
    SegmentTable,
    concatenated_ranges,
    pair_segments,
    table_from_detections,
    without_copies,
)
from aher_lightning.structures import Detections
from tests.helpers.metric_cases import detections, random_case
from tests.helpers.metric_reference import overlap


@pytest.fixture
def tables() -> tuple[SegmentTable, SegmentTable]:
    case = random_case(3)
    videos = list(range(case.num_videos))
    return table_from_detections(case.predictions, videos), table_from_detections(case.targets, videos)


def test_rows_keep_the_order_of_the_records() -> None:
    first = detections([[0, 1], [2, 3]], [0.1, 0.9], [4, 5])
    second = detections([[4, 6]], [0.5], [6])
    table = table_from_detections([first, detections([], [], []), second], [30, 10, 20])
    assert table.videos.tolist() == [30, 30, 20]
    assert table.labels.tolist() == [4, 5, 6]
    assert table.segments.tolist() == [[0, 1], [2, 3], [4, 6]]
    assert table.rows(np.array([2, 0])).scores.tolist() == [0.5, 0.1]


def test_float32_is_widened_without_change() -> None:
    score = torch.tensor([0.1])
    table = table_from_detections([Detections(torch.tensor([[0.2, 1.7]]), score, torch.tensor([0]))], [0])
    assert table.scores.dtype == np.float64
    assert table.scores[0] == score.item()


def test_nothing_gives_empty_columns() -> None:
    table = table_from_detections([], [])
    assert [column.shape for column in table] == [(0,), (0, 2), (0,), (0,)]
    assert len(pair_segments(table, table, same_label=True, min_temporal_iou=0.5).predictions) == 0


def test_a_number_per_record_is_needed() -> None:
    with pytest.raises(ValueError, match="1 records of detections, but 2 video numbers"):
        table_from_detections([detections([], [], [])], [0, 1])


@pytest.mark.parametrize("same_label", [True, False])
@pytest.mark.parametrize("least", [0.1, 0.5, 0.9])
def test_pairs_equal_a_double_loop(tables: tuple[SegmentTable, SegmentTable], same_label: bool, least: float) -> None:
    found, truth = tables
    pairs = pair_segments(found, truth, same_label=same_label, min_temporal_iou=least)
    expected = [
        (row, column, value)
        for row in range(len(found.videos))
        for column in range(len(truth.videos))
        if found.videos[row] == truth.videos[column]
        and (not same_label or found.labels[row] == truth.labels[column])
        and (value := overlap(tuple(found.segments[row]), tuple(truth.segments[column]))) >= least
    ]
    assert list(zip(*(column.tolist() for column in pairs), strict=True)) == expected
    assert len(expected) > 10


def test_huge_and_negative_numbers_do_not_collide() -> None:
    segment, one = np.array([[0.0, 1.0], [0.0, 1.0]]), np.ones(2)
    found = SegmentTable(np.array([2**62, -(2**62)]), segment, one, np.array([2**62, -1]))
    truth = found._replace(videos=np.array([-(2**62), 2**62]), labels=np.array([2**62, 2**62]))
    pairs = pair_segments(found, truth, same_label=True, min_temporal_iou=0.5)
    assert (pairs.predictions.tolist(), pairs.instances.tolist()) == ([0], [1])


def test_ranges_are_joined() -> None:
    assert concatenated_ranges(np.array([3, 9, 0]), np.array([1, 0, 2])).tolist() == [3, 0, 1]
    assert concatenated_ranges(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).tolist() == []


def test_copies_of_a_segment_count_once_with_the_best_score() -> None:
    rows = [
        (0, 1.0, 2.0, 0.3, 0),
        (0, 1.0, 2.0, 0.7, 1),  # the best copy
        (1, 1.0, 2.0, 0.1, 1),  # another video
        (0, 1.0, 3.0, 0.2, 1),  # another segment
        (0, 1.0, 2.0, 0.7, 2),  # as good, but later
    ]
    videos, starts, ends, scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    kept = without_copies(SegmentTable(videos, np.stack([starts, ends], axis=1), scores, labels))
    assert kept.scores.tolist() == [0.7, 0.1, 0.2]
    assert kept.labels.tolist() == [1, 1, 1]
    assert len(without_copies(kept.rows(np.zeros(0, dtype=np.int64))).videos) == 0
