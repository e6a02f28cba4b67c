from __future__ import annotations

import pytest
import torch

from aher_lightning.losses.offset import offset_loss


def test_hand_computed_distances() -> None:
    predicted = torch.tensor([[[0.5, 2.0], [9.0, 9.0]], [[0.0, -0.2], [1.0, 1.0]]])
    mask = torch.tensor([[True, False], [True, False]])
    # Below a distance of 1 half its square, above it the distance less a half.
    assert offset_loss(predicted, torch.zeros(2, 2, 2), mask).item() == pytest.approx((0.125 + 1.5 + 0.02) / 2)


def test_laws() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 3, 7, 2, generator=generator)
    mask = torch.rand(3, 7, generator=generator) < 0.5
    loss = offset_loss(predicted, target, mask)
    assert loss.item() > 0
    torch.testing.assert_close(offset_loss(target, predicted, mask), loss)
    torch.testing.assert_close(offset_loss(predicted + 1, target + 1, mask), loss)
    torch.testing.assert_close(offset_loss(predicted.flip(1), target.flip(1), mask.flip(1)), loss)
    assert offset_loss(predicted, predicted, mask).item() == 0


def test_anchors_outside_the_mask_may_be_anything() -> None:
    predicted = torch.zeros(1, 2, 2, requires_grad=True)
    target = torch.tensor([[[2.0, 1.5], [torch.inf, -1e30]]])
    loss = offset_loss(predicted, target, torch.tensor([[True, False]]))
    (gradient,) = torch.autograd.grad(loss, predicted)
    assert loss.item() == pytest.approx(2.5)
    assert gradient.tolist() == [[[-1.0, -1.0], [0.0, 0.0]]]


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (2, 3)])
def test_no_foreground_is_zero_with_a_graph(shape: tuple[int, int]) -> None:
    predicted = torch.ones(*shape, 2, requires_grad=True)
    loss = offset_loss(predicted, torch.zeros(*shape, 2), torch.zeros(shape, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(loss, predicted)
    assert loss.item() == 0
    assert not gradient.any()


def test_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted, target = torch.randn(2, 2, 5, 2, dtype=torch.float64, generator=generator) * 2
    mask = torch.tensor([[True, False, True, True, False], [True] * 5])
    assert torch.autograd.gradcheck(lambda p: offset_loss(p, target, mask), (predicted.requires_grad_(),))
