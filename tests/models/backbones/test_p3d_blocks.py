from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.backbones.p3d_blocks import (
    BlockKind,
    ProjectionShortcut,
    PseudoBottleneck,
    SpatialBottleneck,
    convolve,
    halve_time,
)


def randomize(module: nn.Module) -> nn.Module:
    """Give batch norms statistics and weights that matter."""
    torch.manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            for values, low, high in ((norm.running_mean, -1, 1), (norm.running_var, 0.5, 2)):
                nn.init.uniform_(values, low, high)
            for parameter in norm.parameters():
                nn.init.uniform_(parameter, 0.5, 1.5)
    return module


def shortcut_of(downsample: ProjectionShortcut | None, features: Tensor) -> Tensor:
    if downsample is None:
        return features
    projection, norm = downsample
    projected: Tensor = norm(projection(features))
    return projected


def plain(block: PseudoBottleneck, features: Tensor) -> Tensor:
    """The block as the paper draws it, one module after another."""
    reduced = block.bn1(block.conv1(features)).relu()
    spatial = block.bn2(block.conv2(reduced)).relu()
    temporal = block.bn3(block.conv3(reduced if block.kind == "B" else spatial)).relu()
    joined = {"A": temporal, "B": spatial + temporal, "C": spatial + temporal}[block.kind]
    output: Tensor = block.bn4(block.conv4(joined)) + shortcut_of(block.downsample, features)
    return output.relu()


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kind", ["A", "B", "C"])
def test_blocks_compute_what_the_paper_draws(kind: BlockKind, stride: int, channels_last: bool) -> None:
    block = PseudoBottleneck(8, 2 if stride == 1 else 4, kind=kind, spatial_stride=stride)
    randomize(block)
    assert (block.downsample is None) == (stride == 1)
    features = torch.randn(2, 8, 4, 6, 6)
    arranged = features.contiguous(memory_format=torch.channels_last_3d) if channels_last else features
    for training in (False, True):
        block.train(training)
        torch.testing.assert_close(block(arranged.clone()), plain(block, features), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("stride", [1, 2])
def test_spatial_block(stride: int) -> None:
    block = SpatialBottleneck(8, 2 if stride == 1 else 4, stride=stride)
    randomize(block).eval()
    features = torch.randn(2, 8, 6, 6)
    reduced = block.bn1(block.conv1(features)).relu()
    spatial = block.bn_normal(block.conv_normal(reduced)).relu()
    shortcut = shortcut_of(block.downsample, features)
    expected = (block.bn4(block.conv4(spatial)) + shortcut).relu()
    torch.testing.assert_close(block(features.clone()), expected, atol=1e-5, rtol=1e-4)


def test_input_of_a_block_is_left_alone() -> None:
    features = torch.randn(1, 8, 2, 4, 4)
    before = features.clone()
    with torch.no_grad():
        PseudoBottleneck(8, 2, kind="C").eval()(features)
    assert torch.equal(features, before)


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        ((3, 1, 1), (1, 1, 1), (1, 0, 0)),
        ((3, 1, 1), (2, 1, 1), (1, 0, 0)),
        ((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        ((1, 1, 1), (1, 1, 1), (0, 0, 0)),
        ((1, 1, 1), (1, 2, 2), (0, 0, 0)),
        ((3, 1, 1), (1, 2, 2), (1, 0, 0)),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_every_route_of_a_convolution_gives_the_same_numbers(
    size: tuple[int, int, int], stride: tuple[int, int, int], padding: tuple[int, int, int], training: bool
) -> None:
    convolution = nn.Conv3d(4, 6, size, stride=stride, padding=padding, bias=False)
    norm = nn.BatchNorm3d(6)
    randomize(norm).train(training)
    features = torch.randn(2, 4, 5, 6, 6).contiguous(memory_format=torch.channels_last_3d)
    expected = norm(functional.conv3d(features.contiguous(), convolution.weight, None, stride, padding))
    torch.testing.assert_close(convolve(features, convolution, norm), expected, atol=1e-5, rtol=1e-4)


def test_folded_batch_norm_has_the_gradients_of_the_plain_one() -> None:
    convolution, norm = nn.Conv3d(4, 6, (1, 3, 3), padding=(0, 1, 1), bias=False), nn.BatchNorm3d(6)
    randomize(norm).eval()
    features = torch.randn(2, 4, 3, 5, 5)
    weights = [convolution.weight, norm.weight, norm.bias]
    folded = torch.autograd.grad(convolve(features, convolution, norm).square().sum(), weights)
    expected = torch.autograd.grad(norm(convolution(features)).square().sum(), weights)
    for mine, other in zip(folded, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
def test_halving_time_is_a_max_pool(frames: int) -> None:
    features = torch.randn(2, 3, frames, 4, 4)
    halved = halve_time(features)
    assert halved.shape[2] == frames // 2
    if frames > 1:
        torch.testing.assert_close(halved, functional.max_pool3d(features, (2, 1, 1)))
