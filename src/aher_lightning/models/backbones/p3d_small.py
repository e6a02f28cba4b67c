"""A pseudo-3D network small enough to train on a laptop's processor."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.backbones.p3d_blocks import convolve
from aher_lightning.models.backbones.staged_backbone import StagedBackbone

_TIME_HALVINGS = 2
"""Stages that halve time; what is left is averaged at the very end, so that motion stays visible until then."""


class P3DSmall(StagedBackbone):
    """Pseudo-3D network for small clips: 20 million multiplications for 16 frames of 48 x 48.

    Frames are reduced to a third at once and looked at over time while still large, since what tells motions
    apart are small displacements. The network sees differences of neighbouring frames, since what stands
    still tells no motion and is easily learnt by heart from few clips. Each stage halves height and width;
    the first two halve time as well.

    Args:
        stem_channels: Channels of the stem.
        stage_channels: Channels of each stage; features have as many as the last.
        frozen_stages: Leading stages that training leaves alone: 1 for the stem, and so on.
        channels_last: Keep channels next to each other in memory; faster on most processors.
        clips_per_chunk: Clips that run through the network at once, see :class:`StagedBackbone`.
        checkpoint_chunks: Recompute the activations of a chunk for its gradients instead of keeping them.
        gradient_fraction: Share of the clips, drawn at random, that gradients flow through.
        freeze_batch_norm: Keep the statistics of batch norm as they are in training mode too.

    Example:
        >>> import torch
        >>> P3DSmall().eval()(torch.zeros(2, 3, 16, 48, 48)).shape
        torch.Size([2, 128])
    """

    def __init__(
        self,
        stem_channels: int = 16,
        stage_channels: Sequence[int] = (32, 64, 128),
        *,
        frozen_stages: int = 0,
        channels_last: bool = True,
        clips_per_chunk: int | None = None,
        checkpoint_chunks: bool = False,
        gradient_fraction: float = 1.0,
        freeze_batch_norm: bool = False,
    ) -> None:
        super().__init__(
            frozen_stages=frozen_stages,
            channels_last=channels_last,
            clips_per_chunk=clips_per_chunk,
            checkpoint_chunks=checkpoint_chunks,
            gradient_fraction=gradient_fraction,
            freeze_batch_norm=freeze_batch_norm,
        )
        self.out_channels = stage_channels[-1]
        self.stem = PseudoBlock(3, stem_channels, kernel_size=5, spatial_stride=3)
        self.blocks = nn.ModuleList(
            PseudoBlock(*widths, spatial_stride=2, time_stride=2 if stage < _TIME_HALVINGS else 1)
            for stage, widths in enumerate(pairwise((stem_channels, *stage_channels)))
        )
        self.freeze()

    def stages(self) -> list[nn.ModuleList]:
        """Return the modules of the stem and the stages."""
        return [nn.ModuleList([block]) for block in (self.stem, *self.blocks)]

    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of one chunk; see :meth:`StagedBackbone.encode`."""
        features = self.stem(frame_differences(clips))
        for block in self.blocks:
            features = block(features)
        pooled: Tensor = features.mean(dim=(2, 3, 4))
        return pooled


def frame_differences(clips: Tensor) -> Tensor:
    """Return how much each frame differs from the one before; the first one repeats the first difference.

    Args:
        clips: Shape ``(N, 3, F, H, W)``, F at least 2.

    Returns:
        Differences, same shape.

    Example:
        >>> import torch
        >>> frame_differences(torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 3, 1, 1)).flatten().tolist()
        [1.0, 1.0, 2.0]
    """
    differences = clips[:, :, 1:] - clips[:, :, :-1]
    return torch.cat((differences[:, :, :1], differences), dim=2)


class PseudoBlock(nn.Module):
    """A spatial convolution, then a temporal one of kernel 3, each with batch norm and ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Height and width of the spatial kernel.
        spatial_stride: Stride of height and width.
        time_stride: Stride of time.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 3,
        spatial_stride: int = 1,
        time_stride: int = 1,
    ) -> None:
        super().__init__()
        self.spatial = nn.Conv3d(
            in_channels,
            out_channels,
            (1, kernel_size, kernel_size),
            stride=(1, spatial_stride, spatial_stride),
            padding=(0, kernel_size // 2, kernel_size // 2),
            bias=False,
        )
        self.spatial_norm = nn.BatchNorm3d(out_channels)
        self.temporal = nn.Conv3d(
            out_channels, out_channels, (3, 1, 1), stride=(time_stride, 1, 1), padding=(1, 0, 0), bias=False
        )
        self.temporal_norm = nn.BatchNorm3d(out_channels)
        for convolution in (self.spatial, self.temporal):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's output.

        Args:
            features: Shape ``(N, C, F, H, W)``.

        Returns:
            Shape ``(N, C', F', H', W')``.
        """
        spatial = functional.relu(convolve(features, self.spatial, self.spatial_norm), inplace=True)
        return functional.relu(convolve(spatial, self.temporal, self.temporal_norm), inplace=True)
