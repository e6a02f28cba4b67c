from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.losses.adversarial import discriminator_loss, generator_loss
from tests.helpers.golden_anchors import concatenate_levels
from tests.helpers.golden_fill import golden_path


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    real, fake = torch.randn(2, 3, 5, dtype=torch.float64, generator=generator)
    return real, fake


@pytest.fixture
def mask() -> Tensor:
    return torch.rand(3, 5, generator=torch.Generator().manual_seed(1)) < 0.5


def test_losses_are_the_logarithms_of_equation_8(logits: tuple[Tensor, Tensor], mask: Tensor) -> None:
    real, fake = (values.sigmoid()[mask] for values in logits)
    torch.testing.assert_close(discriminator_loss(*logits, mask), -real.log().mean() - (1 - fake).log().mean())
    torch.testing.assert_close(generator_loss(logits[1], mask), -fake.log().mean())


def test_an_undecided_discriminator() -> None:
    zeros, mask = torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool)
    assert discriminator_loss(zeros, zeros, mask).item() == pytest.approx(2 * math.log(2))
    assert generator_loss(zeros, mask).item() == pytest.approx(math.log(2))


def test_players_want_opposite_things(logits: tuple[Tensor, Tensor], mask: Tensor) -> None:
    fake = logits[1].clone().requires_grad_()
    (for_discriminator,) = torch.autograd.grad(discriminator_loss(logits[0], fake, mask), fake)
    (for_generator,) = torch.autograd.grad(generator_loss(fake, mask), fake)
    assert bool((for_discriminator[mask] > 0).all())
    assert bool((for_generator[mask] < 0).all())
    assert not for_discriminator[~mask].any()
    assert not for_generator[~mask].any()


def test_confident_logits_stay_finite() -> None:
    mask = torch.ones(1, 1, dtype=torch.bool)
    assert discriminator_loss(torch.tensor([[-1e4]]), torch.tensor([[1e4]]), mask).item() == pytest.approx(2e4)
    assert generator_loss(torch.tensor([[1e4]]), mask).item() == 0


@pytest.mark.parametrize("shape", [(0, 4), (2, 3)])
def test_no_background_is_zero(shape: tuple[int, int]) -> None:
    zeros, mask = torch.zeros(shape), torch.zeros(shape, dtype=torch.bool)
    assert discriminator_loss(zeros, zeros, mask).item() == 0
    assert generator_loss(zeros, mask).item() == 0


def test_gradients(logits: tuple[Tensor, Tensor], mask: Tensor) -> None:
    real, fake = (values.clone().requires_grad_() for values in logits)
    assert torch.autograd.gradcheck(lambda a, b: discriminator_loss(a, b, mask), (real, fake))
    assert torch.autograd.gradcheck(lambda a: generator_loss(a, mask), (fake,))


@pytest.mark.golden
def test_equals_the_released_code() -> None:
    real, fake = (
        concatenate_levels(golden_path("tf", "07_adversarial.npz"), f"{name}_logit") for name in ("real", "fake")
    )
    overlaps = concatenate_levels(golden_path("tf", "02_encode.npz"), "iou")
    mask = (overlaps < 0.3) & (overlaps.roll(1, dims=0) < 0.3)
    with np.load(golden_path("tf", "07_adversarial.npz")) as reference:
        expected = {key: float(reference[key]) for key in ("d_loss_real", "d_loss_fake", "g_loss", "n_background")}
    assert int(mask.sum()) == expected["n_background"] == 11222
    both = expected["d_loss_real"] + expected["d_loss_fake"]
    assert 0.1 * discriminator_loss(real, fake, mask).item() == pytest.approx(both, rel=1e-5)
    assert 0.1 * generator_loss(fake, mask).item() == pytest.approx(expected["g_loss"], rel=1e-5)
