from __future__ import annotations

import pytest
import torch

from aher_lightning.losses.overlap import overlap_loss


def test_hand_computed_errors() -> None:
    predicted, target = torch.tensor([[0.5, 0.1], [0.0, 1.0]]), torch.tensor([[1.0, 0.1], [0.1, 0.0]])
    assert overlap_loss(predicted, target).item() == pytest.approx((0.25 + 0.01 + 1) / 4)
    mask = torch.tensor([[True, True], [False, False]])
    assert overlap_loss(predicted, target, mask).item() == pytest.approx(0.125)


def test_laws() -> None:
    predicted, target = torch.rand(2, 3, 7, generator=torch.Generator().manual_seed(0))
    loss = overlap_loss(predicted, target)
    torch.testing.assert_close(loss, overlap_loss(target, predicted))
    torch.testing.assert_close(loss, torch.nn.functional.mse_loss(predicted, target))
    assert overlap_loss(predicted, predicted).item() == 0
    assert 0 < loss.item() < 1


def test_no_anchor_is_zero() -> None:
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert overlap_loss(torch.ones(2, 3), torch.zeros(2, 3), nothing).item() == 0
    assert overlap_loss(torch.ones(0, 3), torch.zeros(0, 3)).item() == 0


def test_gradient() -> None:
    predicted, target = torch.rand(2, 2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mask = target > 0.4
    assert mask.any()
    assert torch.autograd.gradcheck(lambda p: overlap_loss(p, target, mask), (predicted.requires_grad_(),))
