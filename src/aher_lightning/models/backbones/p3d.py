"""Pseudo-3D residual networks, in the layout of the public PyTorch checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, cycle, islice
from pathlib import Path
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.p3d_blocks import (
    EXPANSION,
    BlockKind,
    PseudoBottleneck,
    SpatialBottleneck,
    convolve,
    halve_time,
)
from aher_lightning.models.backbones.public_weights import differing_weights, read_public_weights
from aher_lightning.models.backbones.staged_backbone import StagedBackbone

P3D_BLOCKS = {63: (3, 4, 6, 3), 131: (3, 4, 23, 3), 199: (3, 8, 36, 3)}
"""Blocks per stage of the published depths."""

_SPATIAL_STAGE = 3
"""Index of the stage of 2D blocks, reached when one time step is left."""
_MIN_FRAMES = 16
"""Frames that four halvings of time need."""


class P3D(StagedBackbone):
    """Pseudo-3D ResNet that returns the features of the last average pool.

    Time is halved by the stem's pool and after each of the first three stages. A clip of more than 16
    frames leaves several time steps, which are averaged. Parameter names are those of the public PyTorch
    checkpoints.

    Implements P3D ResNet of "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks" (Qiu
    et al., ICCV 2017), arXiv:1711.10305.

    Args:
        depth: 63, 131 or 199 layers.
        blocks: Blocks per stage, four numbers, instead of those of a published depth.
        width: Channels of the stem; features have 32 times as many.
        num_categories: Outputs of the classifier ``fc``, which features do not need; 0 for none.
        frozen_stages: Number of frozen leading stages: 1 for the stem, 5 for everything.
        channels_last: Use the channels-last memory format; faster on most processors.
        clips_per_chunk: Clips that run through the network at once, see :class:`StagedBackbone`.
        checkpoint_chunks: Recompute the activations of a chunk for its gradients instead of keeping them.
        gradient_fraction: Fraction of the clips, drawn at random, that gradients flow through.
        freeze_batch_norm: Freeze the statistics of batch norm in training mode too.

    Raises:
        ValueError: If the depth was not published, or there are not four stages.

    Example:
        >>> import torch
        >>> P3D(blocks=(1, 1, 1, 1), width=8).eval()(torch.zeros(2, 3, 16, 32, 32)).shape
        torch.Size([2, 256])
    """

    neutral_options = StagedBackbone.neutral_options | {"num_categories"}

    def __init__(
        self,
        depth: int = 199,
        *,
        blocks: Sequence[int] | None = None,
        width: int = 64,
        num_categories: int = 0,
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
        if blocks is None and depth not in P3D_BLOCKS:
            raise ValueError(f"depth must be one of {', '.join(map(str, P3D_BLOCKS))}, got {depth}")
        counts = tuple(blocks or P3D_BLOCKS[depth])
        if len(counts) != _SPATIAL_STAGE + 1 or min(counts) < 1:
            raise ValueError(f"blocks must be four positive numbers, got {counts}")
        self.name = f"P3D-{depth}" if blocks is None else f"P3D of {counts} blocks"
        self.out_channels = width * 2**_SPATIAL_STAGE * EXPANSION
        self.conv1_custom = nn.Conv3d(3, width, (1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.layer1, self.layer2, self.layer3 = _pseudo_stages(counts[:_SPATIAL_STAGE], width)
        self.layer4 = _spatial_stage(counts[_SPATIAL_STAGE], width * 2**_SPATIAL_STAGE)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(self.out_channels, num_categories) if num_categories else None
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.freeze()

    @classmethod
    def from_public_checkpoint(cls, path: str | Path, depth: int = 199) -> P3D:
        """Return a network in evaluation mode with weights and classifier of a public PyTorch checkpoint.

        Args:
            path: See :meth:`load_public_weights`.
            depth: Depth of the checkpoint's network: 63, 131 or 199.
        """
        weights = read_public_weights(Path(path))
        network = cls(depth, num_categories=_count_categories(weights))
        network._load(weights, Path(path))
        return network.eval()

    def load_public_weights(self, path: Path) -> None:
        """Copy the weights of a public PyTorch checkpoint, with its classifier if this network has one.

        Args:
            path: File with a state dict, or with one under "state_dict"; names may start with "module.".

        Raises:
            CheckpointError: If the file is missing, no checkpoint, or of another network.
        """
        self._load(read_public_weights(path), path)

    def stages(self) -> list[nn.ModuleList]:
        """Return the modules of the stem and the four stages."""
        stem = nn.ModuleList([self.conv1_custom, self.bn1])
        return [stem, *(nn.ModuleList([layer]) for layer in (self.layer1, self.layer2, self.layer3, self.layer4))]

    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of one chunk; see :meth:`StagedBackbone.encode`."""
        if clips.shape[2] < _MIN_FRAMES:
            raise ValueError(f"P3D needs clips of at least {_MIN_FRAMES} frames, got {clips.shape[2]}")
        features = functional.relu(convolve(clips, self.conv1_custom, self.bn1), inplace=True)
        features = functional.max_pool3d(features, (2, 3, 3), stride=2, padding=(0, 1, 1))
        for layer in (self.layer1, self.layer2, self.layer3):
            features = halve_time(layer(features))
        frames = features.transpose(1, 2).flatten(0, 1)  # (N * F, C, H, W)
        pooled: Tensor = self.layer4(frames).mean(dim=(2, 3))
        # Not `len`: that would fix the number of clips in an exported graph.
        return pooled.reshape(clips.shape[0], -1, self.out_channels).mean(dim=1)

    def classify(self, clips: Tensor) -> Tensor:
        """Return class logits ``(N, K)`` of normalized clips ``(N, 3, F, H, W)``; ValueError without classifier."""
        if self.fc is None:
            raise ValueError("this P3D has no classifier; set num_categories")
        return cast("Tensor", self.fc(self.dropout(self(clips))))

    def _load(self, weights: Mapping[str, Tensor], path: Path) -> None:
        """Copy weights after checking names and shapes."""
        wanted = self.state_dict()
        given = {key: value for key, value in weights.items() if key in wanted or not key.startswith("fc.")}
        difference = differing_weights(wanted, given)
        if difference is not None:
            raise CheckpointError(f"{path}: does not fit {self.name}: {difference}{_guess_depth(weights)}")
        self.load_state_dict(given, strict=False)  # batch counters may be missing


def _pseudo_stages(counts: Sequence[int], width: int) -> list[nn.Sequential]:
    """Return the stages of 3D blocks, whose kinds cycle through A, B, C across stages."""
    kinds = list(islice(cycle(cast("tuple[BlockKind, ...]", ("A", "B", "C"))), sum(counts)))
    firsts = [0, *accumulate(counts)]
    stages = []
    in_channels = width
    for stage, count in enumerate(counts):
        inner = width * 2**stage
        blocks = []
        for index in range(count):
            stride = 2 if stage > 0 and index == 0 else 1
            kind = kinds[firsts[stage] + index]
            blocks.append(PseudoBottleneck(in_channels, inner, kind=kind, spatial_stride=stride))
            in_channels = inner * EXPANSION
        stages.append(nn.Sequential(*blocks))
    return stages


def _spatial_stage(count: int, inner: int) -> nn.Sequential:
    """Return the last stage, of 2D blocks."""
    first = SpatialBottleneck(inner * EXPANSION // 2, inner, stride=2)
    return nn.Sequential(first, *(SpatialBottleneck(inner * EXPANSION, inner) for _ in range(count - 1)))


def _count_categories(weights: Mapping[str, Tensor]) -> int:
    """Return the number of categories of a checkpoint's classifier; 0 without classifier."""
    return weights["fc.weight"].shape[0] if "fc.weight" in weights and weights["fc.weight"].ndim else 0


def _guess_depth(weights: Mapping[str, Tensor]) -> str:
    """Return advice if the weights are those of a published depth, or an empty text."""
    places = {tuple(key.split(".")[:2]) for key in weights}
    counts = tuple(sum(place[0] == f"layer{stage}" for place in places) for stage in range(1, _SPATIAL_STAGE + 2))
    depths = [depth for depth, blocks in P3D_BLOCKS.items() if blocks == counts]
    return f"; it is a P3D-{depths[0]}, use depth={depths[0]}" if depths else ""
