from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.backbones.precomputed import PrecomputedFeatures


def test_it_has_channels_and_nothing_else() -> None:
    backbone = PrecomputedFeatures(120)
    assert backbone.out_channels == 120
    assert backbone.state_dict() == {}
    assert backbone.input_spec is None
    assert not backbone.brings_weights


def test_pixels_are_refused_in_one_line() -> None:
    with pytest.raises(
        ConfigError, match=r"has no network for pixels: give features .* or the backbone that"
    ) as caught:
        PrecomputedFeatures(3).encode_pixels(torch.zeros(1, 3, 2, 4, 4, dtype=torch.uint8), torch.Tensor.float)
    assert "\n" not in str(caught.value)


def test_a_number_of_channels_is_positive() -> None:
    with pytest.raises(ConfigError, match="'channels' is 0, but features have at least 1"):
        PrecomputedFeatures(0)
