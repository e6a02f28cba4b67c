"""The 1D ConvNet in parts of a batch: the same gradients in less memory."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.aher_net import AherNet
from tests.helpers.toy import CHANNELS, TOY_PYRAMID, toy_network


def gradients(network: AherNet, features: Tensor) -> tuple[list[Tensor], Tensor]:
    """Gradients of all weights of the pyramid, and of the features."""
    features = features.clone().requires_grad_()
    outputs = network(features, "moment")
    loss = (
        outputs.class_logits.square().mean()
        + outputs.head["offsets"].sum()
        + outputs.head["overlaps"].prod(dim=0).sum()
    )
    network.zero_grad()
    loss.backward()
    assert features.grad is not None
    found = [parameter.grad for parameter in network.pyramid.parameters()]
    return [gradient for gradient in found if gradient is not None], features.grad


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 7, 9])
def test_micro_batches_have_the_gradients_of_the_whole_batch(micro_batch: int) -> None:
    whole, parts = toy_network(), toy_network(micro_batch=micro_batch)
    parts.load_state_dict(whole.state_dict())
    features = torch.rand(7, CHANNELS, 32, generator=torch.Generator().manual_seed(0))
    (expected, expected_features), (found, found_features) = gradients(whole, features), gradients(parts, features)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found_features, expected_features, rtol=1e-5, atol=1e-6)


def test_micro_batches_keep_less_for_gradients() -> None:
    def kept(micro_batch: int | None) -> int:
        network = toy_network(micro_batch=micro_batch, pyramid=partial(TOY_PYRAMID, stem_channels=(64, 64)))
        weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
        saved: dict[int, int] = {}

        def note(values: Tensor) -> Tensor:
            saved[values.untyped_storage().data_ptr()] = values.untyped_storage().nbytes()
            return values

        with torch.autograd.graph.saved_tensors_hooks(note, lambda values: values):
            levels = network.levels(torch.rand(16, CHANNELS, 32))
        assert len(levels) == 4
        return sum(size for place, size in saved.items() if place not in weights)

    assert kept(4) < kept(None) / 4


def test_micro_batches_are_for_training_and_have_at_least_one_sample() -> None:
    network = toy_network(micro_batch=2)
    features = torch.rand(5, CHANNELS, 32)
    with torch.no_grad():
        for one, other in zip(network.levels(features), network.pyramid(features), strict=True):
            assert torch.equal(one, other)
    with pytest.raises(ConfigError, match="'micro_batch' is 0; give at least 1"):
        toy_network(micro_batch=0)
