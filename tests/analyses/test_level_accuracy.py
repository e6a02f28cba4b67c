from __future__ import annotations

import pytest
import torch

from aher_lightning.analyses.level_accuracy import (
    LevelAccuracy,
    count_per_level,
    level_accuracies,
    true_categories,
)
from aher_lightning.ops.segments import temporal_iou

PROPOSALS = torch.tensor([[[0.0, 0.4], [0.3, 0.9], [0.2, 0.6], [0.7, 0.7], [0.0, 1.0]]])
SEGMENTS = torch.tensor([[[0.0, 0.5], [0.5, 0.9], [0.0, 0.0]]])
LABELS = torch.tensor([[3, 1, -1]])


def test_a_proposal_has_the_category_of_the_instance_that_it_overlaps_most() -> None:
    # tIoU with the two instances: 0.8 and 0; 0.2 / 0.9 and 0.4 / 0.6; 0.3 / 0.6 and 0.1 / 0.7; none; 0.5 and 0.4.
    assert true_categories(PROPOSALS, SEGMENTS, LABELS, 0.49).tolist() == [[3, 1, 3, -1, 3]]
    assert true_categories(PROPOSALS, SEGMENTS, LABELS, 0.6).tolist() == [[3, 1, -1, -1, -1]]
    assert true_categories(PROPOSALS, SEGMENTS, LABELS, 0.9).tolist() == [[-1, -1, -1, -1, -1]]


def test_of_equal_overlaps_the_first_instance_counts_and_the_smallest_tiou_is_enough() -> None:
    segments = torch.tensor([[[0.0, 0.5], [0.5, 1.0]]])
    assert true_categories(torch.tensor([[[0.0, 1.0]]]), segments, torch.tensor([[2, 0]]), 0.5).tolist() == [[2]]


def test_videos_without_instances_have_no_category() -> None:
    assert true_categories(PROPOSALS, SEGMENTS[:, :0], LABELS[:, :0], 0.1).tolist() == [[-1] * 5]
    assert true_categories(PROPOSALS, SEGMENTS, torch.full((1, 3), -1), 0.1).tolist() == [[-1] * 5]
    assert true_categories(PROPOSALS[:, :0], SEGMENTS, LABELS, 0.1).shape == (1, 0)


def test_against_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    proposals, segments = (torch.rand(3, n, 2, generator=generator).sort(dim=-1).values for n in (40, 4))
    labels = torch.randint(-1, 3, (3, 4), generator=generator)
    expected = [[-1] * 40 for _ in range(3)]
    for row in range(3):
        for place in range(40):
            best = 0.3
            for segment, label in zip(segments[row], labels[row].tolist(), strict=True):
                overlap = float(temporal_iou(proposals[row, place : place + 1], segment.unsqueeze(0)))
                if label >= 0 and overlap > best:
                    best, expected[row][place] = overlap, label
    assert true_categories(proposals, segments, labels, 0.3).tolist() == expected
    assert any(label >= 0 for row in expected for label in row)


@pytest.mark.parametrize("min_tiou", [0.0, -0.5, 1.1])
def test_a_smallest_tiou_out_of_range_is_refused(min_tiou: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \(0, 1\]"):
        true_categories(PROPOSALS, SEGMENTS, LABELS, min_tiou)


def test_counts_by_hand() -> None:
    true = torch.tensor([[0, 1, -1, 2, 2], [0, -1, -1, -1, 1]])
    perfect, constant = true.clamp(min=0), torch.zeros_like(true)
    counts = count_per_level(true, [perfect, constant], [3, 1, 1])
    assert counts.tolist() == [[3, 1, 2], [3, 1, 2], [2, 0, 0]]


def test_counts_add_up_over_batches_and_levels() -> None:
    generator = torch.Generator().manual_seed(1)
    true, predicted = (torch.randint(-1, 3, (6, 7), generator=generator) for _ in range(2))
    whole = count_per_level(true, [predicted], [4, 2, 1])
    parts = [count_per_level(true[rows], [predicted[rows]], [4, 2, 1]) for rows in (slice(0, 2), slice(2, 6))]
    assert torch.equal(whole, parts[0] + parts[1])
    assert whole.sum(dim=1).tolist() == [int((true >= 0).sum()), int(((true >= 0) & (true == predicted)).sum())]


def test_the_table_has_no_accuracy_where_nothing_is_counted() -> None:
    rows = level_accuracies(torch.tensor([[4, 0], [3, 0], [1, 0]]), [8, 1])
    assert rows == [LevelAccuracy(1, 8, 4, 0.75, 0.25), LevelAccuracy(2, 1, 0, None, None)]
