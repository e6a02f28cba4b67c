"""Building blocks of pseudo-3D networks: spatial and temporal convolutions in place of full 3D ones."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

BlockKind = Literal["A", "B", "C"]
"""How a block joins its spatial and its temporal convolution."""

EXPANSION = 4
"""Output channels of a bottleneck per inner channel."""


class ProjectionShortcut(nn.Sequential):
    """Convolution of kernel 1 and batch norm, for a block whose output has another shape than its input.

    Args:
        projection: The convolution.
        norm: Its batch norm.
    """

    def __init__(self, projection: nn.Conv2d | nn.Conv3d, norm: _BatchNorm) -> None:
        super().__init__(projection, norm)

    def forward(self, features: Tensor) -> Tensor:
        """Return the projected input.

        Args:
            features: Shape ``(N, C, ...)``.

        Returns:
            Shape ``(N, C', ...)``.
        """
        return convolve(features, cast("nn.Conv2d | nn.Conv3d", self[0]), cast("_BatchNorm", self[1]))


class PseudoBottleneck(nn.Module):
    """Bottleneck with a spatial convolution S (1x3x3) and a temporal one T (3x1x1).

    Kind A computes ``T(S(x))``, B ``S(x) + T(x)``, C ``S(x) + T(S(x))``. Names of sub-modules are those of
    the public PyTorch checkpoints.

    Implements section 3.2 of "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks" (Qiu
    et al., ICCV 2017), arXiv:1711.10305.

    Args:
        in_channels: Channels of the input.
        width: Inner channels; the output has four times as many.
        kind: How S and T are joined.
        spatial_stride: Stride of height and width.
    """

    def __init__(self, in_channels: int, width: int, *, kind: BlockKind, spatial_stride: int = 1) -> None:
        super().__init__()
        self.kind = kind
        stride = (1, spatial_stride, spatial_stride)
        out_channels = width * EXPANSION
        self.downsample: ProjectionShortcut | None = None
        if spatial_stride != 1 or in_channels != out_channels:
            projection = nn.Conv3d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = ProjectionShortcut(projection, nn.BatchNorm3d(out_channels))
        self.conv1 = nn.Conv3d(in_channels, width, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3 = nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.bn3 = nn.BatchNorm3d(width)
        self.conv4 = nn.Conv3d(width, out_channels, 1, bias=False)
        self.bn4 = nn.BatchNorm3d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output.

        Args:
            features: Shape ``(N, C, F, H, W)``.

        Returns:
            Shape ``(N, 4 * width, F, H', W')``.
        """
        reduced = functional.relu(convolve(features, self.conv1, self.bn1), inplace=True)
        spatial = functional.relu(convolve(reduced, self.conv2, self.bn2), inplace=True)
        temporal_input = reduced if self.kind == "B" else spatial
        temporal = functional.relu(convolve(temporal_input, self.conv3, self.bn3), inplace=True)
        joined = temporal if self.kind == "A" else spatial + temporal
        return _add_shortcut(convolve(joined, self.conv4, self.bn4), features, self.downsample)


class SpatialBottleneck(nn.Module):
    """Plain 2D bottleneck, for where one time step is left.

    Args:
        in_channels: Channels of the input.
        width: Inner channels; the output has four times as many.
        stride: Stride of height and width.
    """

    def __init__(self, in_channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        out_channels = width * EXPANSION
        self.downsample: ProjectionShortcut | None = None
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = ProjectionShortcut(projection, nn.BatchNorm2d(out_channels))
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=stride, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_normal = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn_normal = nn.BatchNorm2d(width)
        self.conv4 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn4 = nn.BatchNorm2d(out_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output.

        Args:
            features: Shape ``(N, C, H, W)``.

        Returns:
            Shape ``(N, 4 * width, H', W')``.
        """
        reduced = functional.relu(convolve(features, self.conv1, self.bn1), inplace=True)
        spatial = functional.relu(convolve(reduced, self.conv_normal, self.bn_normal), inplace=True)
        return _add_shortcut(convolve(spatial, self.conv4, self.bn4), features, self.downsample)


def convolve(features: Tensor, convolution: nn.Conv2d | nn.Conv3d, norm: _BatchNorm) -> Tensor:
    """Return a convolution followed by its batch norm.

    Wherever the norm uses its running statistics it is folded into the weights, which saves passes over
    the activations.

    Args:
        features: Shape ``(N, C, F, H, W)``, or ``(N, C, H, W)`` for a 2D convolution.
        convolution: Without bias.
        norm: Batch norm over the convolution's output channels.

    Returns:
        The normalized output, before any ReLU.
    """
    if norm.training or norm.running_mean is None or norm.running_var is None:
        normalized: Tensor = norm(_run(features, convolution, convolution.weight, None))
        return normalized
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    weight = convolution.weight * scale.view(-1, *(1,) * (convolution.weight.ndim - 1))
    return _run(features, convolution, weight, norm.bias - norm.running_mean * scale)


def halve_time(features: Tensor) -> Tensor:
    """Return the larger of every two neighbouring time steps: a max pool of (2, 1, 1), several times faster.

    Args:
        features: Shape ``(N, C, F, H, W)``; the last step of an odd F is dropped.

    Returns:
        Shape ``(N, C, F // 2, H, W)``.
    """
    steps = features.shape[2] // 2
    return torch.maximum(features[:, :, 0 : 2 * steps : 2], features[:, :, 1 : 2 * steps : 2])


def _run(features: Tensor, convolution: nn.Conv2d | nn.Conv3d, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve with given weights, by the fastest route that the kernel allows; all give the same numbers."""
    stride = tuple(convolution.stride)
    padding = cast("tuple[int, ...]", convolution.padding)
    if features.stride(1) == 1 and weight[0, 0].numel() == 1 and set(stride) == {1}:
        mixed = functional.linear(features.movedim(1, -1), weight.flatten(1))  # a matrix product over channels
        return (mixed if bias is None else mixed.add_(bias)).movedim(-1, 1)
    if features.ndim == 5 and weight.shape[3:] == (1, 1) and stride[1:] == (1, 1):  # time alone: height and width merge
        merged = functional.conv2d(features.flatten(3), weight.squeeze(-1), bias, (stride[0], 1), (padding[0], 0))
        return merged.reshape(*merged.shape[:3], *features.shape[3:])
    if features.ndim == 5:
        return functional.conv3d(features, weight, bias, stride, padding)
    return functional.conv2d(features, weight, bias, stride, padding)


def _add_shortcut(output: Tensor, features: Tensor, downsample: nn.Module | None) -> Tensor:
    """Return the ReLU of a block's output plus its input, projected where the shapes differ."""
    output += features if downsample is None else downsample(features)
    return functional.relu(output, inplace=True)
