from __future__ import annotations

import pytest
import torch

from aher_lightning.models.convolution import SameConv1d


def constant_convolution(stride: int) -> SameConv1d:
    convolution = SameConv1d(1, 1, stride=stride)
    with torch.no_grad():
        convolution.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
    return convolution


@pytest.mark.parametrize(
    ("stride", "length", "expected"),
    [
        (1, 3, [210.0, 321.0, 32.0]),
        (2, 4, [321.0, 43.0]),  # even: nothing on the left, one zero on the right
        (2, 3, [210.0, 32.0]),  # odd: one zero on each side
        (2, 1, [10.0]),
    ],
)
def test_zeros_go_where_tensorflow_puts_them(stride: int, length: int, expected: list[float]) -> None:
    ramp = torch.arange(1.0, length + 1).reshape(1, 1, -1)
    output = constant_convolution(stride)(ramp)
    assert output.flatten().tolist() == expected
    assert output.shape[-1] == -(-length // stride)


def test_default_initialization_keeps_the_scale_through_a_relu() -> None:
    torch.manual_seed(0)
    activation = torch.randn(4, 256, 64)
    for _ in range(4):
        activation = SameConv1d(256, 256)(activation.relu())
    assert 0.7 < float(activation.detach().std()) < 1.4


def test_other_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="stride must be 1 or 2, got 3"):
        SameConv1d(1, 1, stride=3)
