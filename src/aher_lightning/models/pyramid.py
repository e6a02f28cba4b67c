"""The 1D ConvNet: a stem, and a cascade of stride-2 convolutions whose outputs are the pyramid levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.base import Pyramid
from aher_lightning.models.convolution import SameConv1d

_POOL_SIZE = 3
_POOL_STRIDE = 2


class TemporalPyramid(Pyramid):
    """Turn a feature sequence into feature maps on several temporal scales.

    Every convolution has a ReLU. The stem keeps the length, the max pool after it (no padding) and each
    level halve it.

    Implements section 3.1 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705, with the widths of the authors' code.

    Args:
        in_channels: Channels C of the feature sequence.
        stem_channels: Output channels of the stem's convolutions.
        level_channels: Channels ``d_j`` of each level.

    Attributes:
        out_channels: Channels ``d_j`` of each level.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        stem_channels: Sequence[int] = (2048, 1024),
        level_channels: Sequence[int] = (256, 256, 512, 512, 1024, 1024, 2048, 2048),
    ) -> None:
        super().__init__()
        stem_widths = [in_channels, *stem_channels]
        level_widths = [stem_widths[-1], *level_channels]
        self.stem = nn.ModuleList(SameConv1d(*widths) for widths in pairwise(stem_widths))
        self.levels = nn.ModuleList(SameConv1d(*widths, stride=2) for widths in pairwise(level_widths))
        self.out_channels = list(level_channels)

    def level_lengths(self, length: int) -> list[int]:
        """Return the number of cells on each level.

        Args:
            length: Time steps T of the feature sequence.

        Returns:
            Cells ``n_j`` of each level.

        Raises:
            ValueError: If the sequence is shorter than the pool's window.

        Example:
            >>> TemporalPyramid(1, stem_channels=(1,), level_channels=(1, 1, 1)).level_lengths(512)
            [128, 64, 32]
        """
        if length < _POOL_SIZE:
            raise ValueError(f"a feature sequence needs at least {_POOL_SIZE} time steps, got {length}")
        cells = (length - _POOL_SIZE) // _POOL_STRIDE + 1
        lengths = []
        for _ in self.levels:
            cells = (cells + 1) // 2
            lengths.append(cells)
        return lengths

    def forward(self, features: Tensor) -> list[Tensor]:
        """Return the feature map of every level of at least 3 time steps; see :meth:`Pyramid.forward`."""
        activation = features
        for convolution in self.stem:
            activation = functional.relu(convolution(activation))
        activation = functional.max_pool1d(activation, _POOL_SIZE, _POOL_STRIDE)
        levels = []
        for convolution in self.levels:
            activation = functional.relu(convolution(activation))
            levels.append(activation)
        return levels
