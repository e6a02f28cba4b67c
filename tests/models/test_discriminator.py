from __future__ import annotations

import numpy as np
import pytest
import torch

from aher_lightning.models.discriminator import ConvDiscriminator
from tests.helpers.golden_fill import golden_path
from tests.models.released import CELLS, CHANNELS, feature_map, fill_convolution, largest_error


@pytest.mark.parametrize("cells", [1, 2, 9])
def test_one_logit_per_anchor(cells: int) -> None:
    discriminator = ConvDiscriminator(4, 3)
    features = torch.randn(2, 4, cells)
    logits = discriminator(features)
    assert logits.shape == (2, cells, 3)
    torch.testing.assert_close(logits[:, :, 1], discriminator.convolution(features)[:, 1])


def test_gradients_reach_parameters_and_features() -> None:
    discriminator = ConvDiscriminator(4, 3)
    features = torch.randn(2, 4, 5, requires_grad=True)
    torch.autograd.backward(discriminator(features).square().sum())
    assert features.grad is not None
    assert features.grad.abs().sum() > 0
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in discriminator.parameters()
    )


@pytest.mark.golden
@pytest.mark.parametrize("level", range(1, 9))
@pytest.mark.parametrize("kind", ["real", "fake"])
def test_released_logits(kind: str, level: int) -> None:
    golden = np.load(golden_path("tf", "07_adversarial.npz"))
    cells, width = CELLS[level - 1], CHANNELS[level - 1]
    discriminator = ConvDiscriminator(width, 3)
    fill_convolution(discriminator.convolution, [(f"conv_a{level}_adv/d_conv_adv", 3)])
    logits = discriminator(feature_map(f"adv_{kind}_l{level}", (16, cells, width)))
    assert largest_error(logits, golden[f"{kind}_logit_{level}"]) < 3e-5
