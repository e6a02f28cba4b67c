from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.models.backbones.recomputation import Part, encode_recomputed

ROWS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
PARTS: list[list[Part]] = [
    [slice(0, 5)],
    [slice(0, 2), slice(2, 4), slice(4, 5)],
    [torch.tensor([4, 0]), torch.tensor([2])],
]


def make_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.Dropout(0.5), nn.ReLU(), nn.Linear(4, 2))


def encode_with(network: nn.Module) -> Callable[[Tensor, Part], Tensor]:
    def encode(rows: Tensor, part: Part) -> Tensor:
        features: Tensor = network(rows[part])
        return features

    return encode


def results(parts: list[Part], *, is_recomputed: bool, is_training: bool) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Return the state of a network after a step back, its features and gradients, and the next random number."""
    network = make_network().train(is_training)
    encode = encode_with(network)
    torch.manual_seed(1)
    features = (
        encode_recomputed(network, encode, ROWS, parts)
        if is_recomputed
        else torch.cat([encode(ROWS, part) for part in parts])
    )
    between = torch.rand(1)
    torch.autograd.backward(features.pow(3).sum())
    gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    return network.state_dict(), [features.detach(), *gradients, between, torch.rand(1)]


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("is_training", [True, False])
def test_everything_is_as_with_a_graph_to_the_bit(parts: list[Part], is_training: bool) -> None:
    if is_training:
        parts = [part for part in parts if len(ROWS[part]) > 1]  # as batch norm wants
    (state, values), (expected_state, expected) = (
        results(parts, is_recomputed=is_recomputed, is_training=is_training) for is_recomputed in (True, False)
    )
    assert len(values) == len(expected) == 1 + 6 + 2
    assert all(torch.equal(*pair) for pair in zip(values, expected, strict=True))
    assert all(torch.equal(value, expected_state[name]) for name, value in state.items())


def test_dropout_draws_anew_for_each_part_and_again_when_recomputed() -> None:
    """The drop rate is one half: of 400 rows all alike, parts drop different ones, and gradients know which."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)

    def encode(rows: Tensor, part: Part) -> Tensor:
        return nn.functional.dropout(layer(rows[part]), 0.5)

    torch.manual_seed(0)
    features = encode_recomputed(layer, encode, torch.ones(400, 1), [slice(0, 200), slice(200, 400)])
    assert not torch.equal(features[:200], features[200:])
    torch.autograd.backward(features.sum())
    assert layer.weight.grad is not None
    assert float(layer.weight.grad) == float(features.detach().sum())


def test_gradients_can_be_taken_twice() -> None:
    network = make_network().eval()
    features = encode_recomputed(network, encode_with(network), ROWS, PARTS[1])
    weights = list(network.parameters())
    first = torch.autograd.grad(features.square().sum(), weights, retain_graph=True)
    second = torch.autograd.grad(features.square().sum(), weights)
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_weights_that_take_no_part_have_no_gradient_and_frozen_ones_stay_alone() -> None:
    network = make_network().eval()
    network.add_module("unused", nn.Linear(1, 1))
    first, unused = network.get_submodule("0"), network.get_submodule("unused")
    first.requires_grad_(requires_grad=False)
    features = encode_recomputed(network, encode_with(network[:5]), ROWS, PARTS[1])
    torch.autograd.backward(features.sum())
    with_gradient = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert with_gradient == {"1.weight", "1.bias", "4.weight", "4.bias"}
    assert all(parameter.grad is None for parameter in (*first.parameters(), *unused.parameters()))


def test_mixed_precision_is_that_of_the_first_computation_wherever_gradients_are_taken() -> None:
    network, seen = make_network().eval(), []
    encode = encode_with(network)

    def spy(rows: Tensor, part: Part) -> Tensor:
        features = encode(rows, part)
        seen.append(features.dtype)
        return features

    with torch.autocast("cpu", torch.bfloat16):
        half = encode_recomputed(network, spy, ROWS, PARTS[0])
    torch.autograd.backward(half.float().sum())
    single = encode_recomputed(network, spy, ROWS, PARTS[0])
    with torch.autocast("cpu", torch.bfloat16):
        torch.autograd.backward(single.sum())
    assert seen == [torch.bfloat16] * 2 + [torch.float32] * 2
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())


def test_a_changed_input_is_noticed() -> None:
    network, rows = make_network().eval(), ROWS.clone()
    features = encode_recomputed(network, encode_with(network), rows, PARTS[1])
    rows.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.backward(features.sum())
