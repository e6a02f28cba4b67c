from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from aher_lightning.losses.actionness import actionness_loss, select_anchors_over_processes


@pytest.fixture
def logits() -> Tensor:
    return torch.randn(3, 20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def states() -> Tensor:
    return torch.randint(-1, 2, (3, 20), generator=torch.Generator().manual_seed(1))


def selected_loss(logits: Tensor, states: Tensor, ratio: float = 1.0, strict: bool = False) -> Tensor:
    """The loss over the anchors that are selected for it."""
    return actionness_loss(logits, states, select_anchors_over_processes(logits, states, ratio=ratio, strict=strict))


def plain_loss(logits: Tensor, states: Tensor, ratio: float, strict: bool) -> float:
    probabilities = logits.softmax(dim=-1).flatten(0, 1).tolist()
    kinds = states.flatten().tolist()
    positives = [-math.log(p[1]) for p, kind in zip(probabilities, kinds, strict=True) if kind == 1]
    negatives = sorted(p[0] for p, kind in zip(probabilities, kinds, strict=True) if kind == 0)
    count = min(int(ratio * len(positives)) + len(states), len(negatives)) - int(strict)
    losses = positives + [-math.log(p) for p in negatives[:count]]
    return sum(losses) / len(losses)


def test_hand_computed_loss() -> None:
    logits = torch.tensor([[[0.0, math.log(3)], [0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [0.0, 9.0]]])
    states = torch.tensor([[1, 0, 0, 0, -1]])  # one positive, hence 1 + B = 2 negatives
    expected = (math.log(4 / 3) + math.log(2) + math.log1p(math.exp(-5))) / 3
    assert selected_loss(logits, states).item() == pytest.approx(expected)
    assert select_anchors_over_processes(logits, states).tolist() == [[True, True, True, False, False]]
    assert select_anchors_over_processes(logits, states, strict=True).tolist() == [[True, True, False, False, False]]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 3.0])
def test_equals_a_plain_loop(logits: Tensor, states: Tensor, ratio: float, strict: bool) -> None:
    loss = selected_loss(logits, states, ratio=ratio, strict=strict)
    assert loss.item() == pytest.approx(plain_loss(logits, states, ratio, strict))
    shifted = selected_loss(logits + 2, states, ratio=ratio, strict=strict)
    assert shifted.item() == pytest.approx(loss.item())


def test_ignored_anchors_get_no_gradient(logits: Tensor, states: Tensor) -> None:
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(selected_loss(logits, states, ratio=100.0), logits)
    assert torch.equal(gradient.abs().sum(dim=-1) > 0, states >= 0)
    assert torch.equal(select_anchors_over_processes(logits, states, ratio=100.0), states >= 0)


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (2, 3)])
def test_no_anchor_is_zero(shape: tuple[int, int]) -> None:
    logits = torch.zeros(*shape, 2, requires_grad=True)
    loss = selected_loss(logits, torch.full(shape, -1))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == 0
    assert not gradient.any()


def test_a_batch_without_foreground_learns_background() -> None:
    assert selected_loss(torch.zeros(2, 5, 2), torch.zeros(2, 5, dtype=torch.long)).item() == pytest.approx(math.log(2))


def test_gradient(logits: Tensor, states: Tensor) -> None:
    assert torch.autograd.gradcheck(lambda values: selected_loss(values, states), (logits.requires_grad_(),))
