"""A pseudo-3D network small enough to train on a laptop CPU."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.backbones.p3d_blocks import convolve
from aher_lightning.models.backbones.staged_backbone import StagedBackbone

_TIME_HALVINGS = 2
"""Stages that halve time; the rest is averaged at the end, so that motion stays visible until then."""


class P3DSmall(StagedBackbone):
    """Pseudo-3D network for small clips: 20 million multiplications for 16 frames of 48 x 48.

    The stem reduces frames to a third, and convolves over time while they are still large, since small
    displacements distinguish motions. The input is differences of consecutive frames, since still content
    shows no motion and is easily memorized from few clips. Each stage halves height and width; the first
    two halve time as well.

    Args:
        stem_channels: Channels of the stem.
        stage_channels: Channels of each stage; features have as many as the last.
        frozen_stages: Number of frozen leading stages: 1 for the stem, and so on.
        channels_last: Use the channels-last memory format; faster on most processors.
        clips_per_chunk: Clips that run through the network at once, see :class:`StagedBackbone`.
        checkpoint_chunks: Recompute the activations of a chunk for its gradients instead of keeping them.
        gradient_fraction: Fraction of the clips, drawn at random, that gradients flow through.
        freeze_batch_norm: Freeze the statistics of batch norm in training mode too.

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
        self.stem = _PseudoBlock(3, stem_channels, kernel_size=5, spatial_stride=3)
        self.blocks = nn.ModuleList(
            _PseudoBlock(*widths, spatial_stride=2, time_stride=2 if stage < _TIME_HALVINGS else 1)
            for stage, widths in enumerate(pairwise((stem_channels, *stage_channels)))
        )
        self.freeze()

    def stages(self) -> list[nn.ModuleList]:
        """Return the modules of the stem and the stages."""
        return [nn.ModuleList([block]) for block in (self.stem, *self.blocks)]

    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of one chunk; see :meth:`StagedBackbone.encode`."""
        differences = clips[:, :, 1:] - clips[:, :, :-1]  # (N, 3, F - 1, H, W); the first one is repeated
        features = self.stem(torch.cat((differences[:, :, :1], differences), dim=2))
        for block in self.blocks:
            features = block(features)
        pooled: Tensor = features.mean(dim=(2, 3, 4))
        return pooled


class _PseudoBlock(nn.Module):
    """A spatial convolution, then a temporal one of kernel 3, each with batch norm and ReLU."""

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
        """Run the block, shape ``(N, C, F, H, W)`` to ``(N, C', F', H', W')``."""
        spatial = functional.relu(convolve(features, self.spatial, self.spatial_norm), inplace=True)
        return functional.relu(convolve(spatial, self.temporal, self.temporal_norm), inplace=True)
