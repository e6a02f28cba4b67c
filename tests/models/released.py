"""Weights and inputs of the released code's golden runs, in our layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.convolution import SameConv1d
from aher_lightning.models.pyramid import TemporalPyramid
from tests.helpers.golden_fill import fill

CELLS = (128, 64, 32, 16, 8, 4, 2, 1)
CHANNELS = (256, 256, 512, 512, 1024, 1024, 2048, 2048)
SCALE_RATIOS = (1.0, 1.26, 1.587)  # the released code rounds the paper's powers of two


def variable(name: str, shape: Sequence[int]) -> Tensor:
    """Return a variable of the released code, as its golden runs filled it."""
    bound = math.sqrt(6 / math.prod(shape[:-1]))
    if name.endswith("/biases"):
        bound = 0.1
    elif "conv_action" in name:
        bound = 0.25
    return torch.from_numpy(fill(name, shape, -bound, bound))


def feature_map(name: str, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
    """Return an input ``(B, T, C)`` of the released code as ``(B, C, T)``."""
    return torch.from_numpy(fill(name, shape, low, high)).transpose(1, 2)


def kernel(scope: str, in_channels: int, out_channels: int, size: int = 3) -> Tensor:
    """Return a convolution's weights, ``(out, in, size)``."""
    return variable(f"{scope}/weights", (size, in_channels, out_channels)).permute(2, 1, 0)


def bias(scope: str, channels: int) -> Tensor:
    """Return a layer's biases."""
    return variable(f"{scope}/biases", (channels,))


@torch.no_grad()
def fill_convolution(convolution: torch.nn.Module, scopes: Sequence[tuple[str, int]]) -> None:
    """Fill a convolution with those of the released code whose outputs it stacks, given as (scope, channels)."""
    assert isinstance(convolution, SameConv1d)
    assert convolution.bias is not None
    in_channels = convolution.in_channels
    convolution.weight.copy_(torch.cat([kernel(scope, in_channels, width) for scope, width in scopes]))
    convolution.bias.copy_(torch.cat([bias(scope, width) for scope, width in scopes]))


@torch.no_grad()
def fill_localizer(network: AherNet) -> None:
    """Fill pyramid, heads, classifier of untrimmed categories and transfer of a full-size network."""
    pyramid = cast("TemporalPyramid", network.pyramid)
    for index, convolution in enumerate(pyramid.stem, 1):
        fill_convolution(convolution, [(f"aher/g_conv{index}", (2048, 1024)[index - 1])])
    for index, (convolution, width) in enumerate(zip(pyramid.levels, CHANNELS, strict=True), 1):
        fill_convolution(convolution, [(f"aher/g_conv_a{index}", width)])
        scope = f"aher/conv_a{index}_box"
        head = network.head.get_submodule(f"levels.{index - 1}")
        fill_convolution(head, [(f"{scope}/conv_loc", 6), (f"{scope}/conv_iou", 3), (f"{scope}/conv_cls", 6)])
        classifier = network.untrimmed_classifier
        classifier.weights(index - 1).copy_(kernel(f"{scope}/conv_action_anet", width, 200, size=1)[:, :, 0])
        classifier.biases(index - 1).copy_(bias(f"{scope}/conv_action_anet", 200))
        for name, (first, second), size in (("weight_layers", (1, 2), width), ("bias_layers", (3, 4), 1)):
            for layer, number in enumerate((first, second)):
                linear = network.transfers[index - 1].get_submodule(f"{name}.{layer}")
                assert isinstance(linear, torch.nn.Linear)
                linear.weight.copy_(variable(f"{scope}/fully{number}/weights", (size, size)).T)
                linear.bias.copy_(bias(f"{scope}/fully{number}", size))


@torch.no_grad()
def fill_generators(network: AherNet) -> None:
    """Fill the context generators of a full-size network."""
    for letter, generator in (("s", "start_generator"), ("e", "end_generator")):
        for number, name in ((1, "first"), (2, "second")):
            convolution = network.context.get_submodule(f"{generator}.{name}")
            fill_convolution(convolution, [(f"g_conv_{letter}{number}", (1024, 2048)[number - 1])])


@torch.no_grad()
def fill_discriminators(network: AherNet) -> None:
    """Fill the discriminators of a full-size network."""
    for index, discriminator in enumerate(network.discriminators, 1):
        fill_convolution(discriminator.get_submodule("convolution"), [(f"conv_a{index}_adv/d_conv_adv", 3)])


def by_level(cells: Sequence[int]) -> list[slice]:
    """Return the slice of each level in an array with all cells one after another."""
    ends = np.cumsum(cells)
    return [slice(int(end) - count, int(end)) for end, count in zip(ends, cells, strict=True)]


def largest_error(actual: Tensor, expected: npt.NDArray[np.float32]) -> float:
    """Return the largest absolute difference."""
    assert actual.shape == expected.shape
    return float((actual.detach() - torch.from_numpy(expected)).abs().max())
