from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aher_lightning.ops.hard_negatives import mine_hard_negatives


@pytest.fixture
def probabilities() -> Tensor:
    return torch.rand(4, 50, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def candidates() -> Tensor:
    return torch.rand(4, 50, generator=torch.Generator().manual_seed(1)) < 0.6


def test_hand_computed_selection_reaches_across_videos() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.2], [0.3, 0.05, 0.8]])
    candidates = torch.tensor([[True, True, True], [True, False, True]])
    selected = mine_hard_negatives(probabilities, candidates, 1)  # 1 + B = 3
    assert selected.tolist() == [[False, True, True], [True, False, False]]
    strict = mine_hard_negatives(probabilities, candidates, 1, strict=True)
    assert strict.tolist() == [[False, True, True], [False, False, False]]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("positives", "ratio", "count"), [(0, 1.0, 4), (10, 1.0, 14), (7, 0.5, 7), (9, 3.0, 31)])
def test_the_lowest_probabilities_of_that_count_are_selected(
    probabilities: Tensor, candidates: Tensor, positives: int, ratio: float, count: int, strict: bool
) -> None:
    selected = mine_hard_negatives(probabilities, candidates, positives, ratio=ratio, strict=strict)
    lowest = sorted(probabilities[candidates].tolist())[: count - int(strict)]
    assert sorted(probabilities[selected].tolist()) == lowest
    assert not bool((selected & ~candidates).any())
    as_tensor = mine_hard_negatives(probabilities, candidates, torch.tensor(positives), ratio=ratio, strict=strict)
    assert torch.equal(as_tensor, selected)


def test_never_more_than_the_candidates(probabilities: Tensor, candidates: Tensor) -> None:
    assert torch.equal(mine_hard_negatives(probabilities, candidates, 1000), candidates)
    nothing = torch.zeros_like(candidates)
    for strict in (False, True):
        assert not mine_hard_negatives(probabilities, nothing, 1000, strict=strict).any()


def test_equal_probabilities_go_by_order_unless_strict() -> None:
    probabilities, candidates = torch.full((2, 4), 0.5), torch.ones(2, 4, dtype=torch.bool)
    assert mine_hard_negatives(probabilities, candidates, 3).tolist() == [[True] * 4, [True, False, False, False]]
    assert not mine_hard_negatives(probabilities, candidates, 3, strict=True).any()


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_empty_batches(shape: tuple[int, int]) -> None:
    selected = mine_hard_negatives(torch.zeros(shape), torch.zeros(shape, dtype=torch.bool), 2)
    assert selected.shape == shape
    assert selected.dtype == torch.bool
