from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from aher_lightning.models.transfer import Activation, IdentityTransfer, MLPTransfer


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_starts_as_the_identity_on_positive_weights(layers: int) -> None:
    weight, bias = torch.rand(5, 8), torch.rand(5)
    new_weight, new_bias = MLPTransfer(8, layers=layers)(weight, bias)
    torch.testing.assert_close(new_weight, weight)
    torch.testing.assert_close(new_bias, bias)


@pytest.mark.parametrize(
    ("activation", "expected"), [("none", -1.0), ("relu", 0.0), ("leaky_relu", -0.01), ("elu", -0.6321205588)]
)
def test_activation_follows_every_layer_on_weights_and_biases(activation: Activation, expected: float) -> None:
    weight, bias = MLPTransfer(1, layers=1, activation=activation)(torch.tensor([[-1.0]]), torch.tensor([-1.0]))
    assert weight.item() == pytest.approx(expected)
    assert bias.item() == pytest.approx(expected)


def test_two_layers_by_hand() -> None:
    torch.manual_seed(0)
    transfer = MLPTransfer(3)
    for parameter in transfer.parameters():
        torch.nn.init.normal_(parameter)
    weight, bias = torch.randn(4, 3), torch.randn(4)
    state = transfer.state_dict()
    expected, expected_bias = weight, bias
    for layer in range(2):
        prefix = f"weight_layers.{layer}"
        expected = functional.elu(expected @ state[f"{prefix}.weight"].T + state[f"{prefix}.bias"])
        prefix = f"bias_layers.{layer}"
        expected_bias = functional.elu(expected_bias * state[f"{prefix}.weight"].item() + state[f"{prefix}.bias"])
    new_weight, new_bias = transfer(weight, bias)
    torch.testing.assert_close(new_weight, expected)
    torch.testing.assert_close(new_bias, expected_bias)


def test_categories_do_not_influence_one_another() -> None:
    torch.manual_seed(0)
    transfer = MLPTransfer(3)
    for parameter in transfer.parameters():
        torch.nn.init.normal_(parameter)
    weight, bias = torch.randn(6, 3), torch.randn(6)
    all_weight, all_bias = transfer(weight, bias)
    some_weight, some_bias = transfer(weight[[4, 1]], bias[[4, 1]])
    torch.testing.assert_close(some_weight, all_weight[[4, 1]])
    torch.testing.assert_close(some_bias, all_bias[[4, 1]])


def test_gradients_reach_every_parameter() -> None:
    transfer = MLPTransfer(3, layers=3, activation="elu")
    weight, bias = transfer(torch.randn(4, 3), torch.randn(4))
    torch.autograd.backward(weight.sum() + bias.sum())
    parameters = list(transfer.parameters())
    assert len(parameters) == 12
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_identity_has_no_parameters_and_changes_nothing() -> None:
    transfer = IdentityTransfer(3)
    weight, bias = torch.randn(4, 3), torch.randn(4)
    new_weight, new_bias = transfer(weight, bias)
    assert list(transfer.parameters()) == []
    assert new_weight is weight
    assert new_bias is bias


def test_bad_options_are_refused() -> None:
    with pytest.raises(ValueError, match="layers must be at least 1, got 0; use IdentityTransfer"):
        MLPTransfer(3, layers=0)
    with pytest.raises(ValueError, match="activation must be one of none, relu, leaky_relu, elu, got 'tanh'"):
        MLPTransfer(3, activation="tanh")  # type: ignore[arg-type]
