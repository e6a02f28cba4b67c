"""What sits on the pyramid levels: localization heads and the segment-level classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.models.convolution import SameConv1d
from aher_lightning.ops.precision import to_float32


class HeadOutputs(NamedTuple):
    """What the heads of one level say about its ``n * R`` anchors.

    Attributes:
        offsets: Encoded offsets of centre and width, ``(B, n * R, 2)``.
        overlaps: Predicted tIoU with the closest instance, in ``[0, 1]``, ``(B, n * R)``.
        actionness: Logits of background and action, ``(B, n * R, 2)``; ``None`` without that head.
    """

    offsets: Tensor
    overlaps: Tensor
    actionness: Tensor | None


class LocalizationHead(nn.Module):
    """Predict offsets, overlap and actionness of every anchor of a level.

    One convolution computes all three, whose channels come in that order; the paper's and the authors'
    separate convolutions are the same function in more passes.

    Implements section 3.4 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705; the actionness output exists in the authors' code only.

    Args:
        channels: Channels ``d_j`` of the level.
        anchors_per_cell: Number R of scale ratios.
        use_actionness: Whether to tell action from background explicitly.
    """

    def __init__(self, channels: int, anchors_per_cell: int, *, use_actionness: bool = True) -> None:
        super().__init__()
        widths = (2, 1, 2) if use_actionness else (2, 1)
        self.split_sizes = [width * anchors_per_cell for width in widths]
        # Small weights: predictions start near the anchors themselves and near an overlap of one half.
        self.convolution = SameConv1d(channels, sum(self.split_sizes), gain=0.1)

    def forward(self, features: Tensor) -> HeadOutputs:
        """Return the predictions for all anchors of the level.

        Args:
            features: Feature map of the level, shape ``(B, d, n)``.

        Returns:
            Predictions, anchors of a cell next to each other.
        """
        by_cell = to_float32(self.convolution(features)).transpose(1, 2)
        offsets, overlaps, *actionness = torch.split(by_cell, self.split_sizes, dim=-1)
        batch = features.shape[0]
        return HeadOutputs(
            offsets=offsets.reshape(batch, -1, 2),
            overlaps=overlaps.reshape(batch, -1).sigmoid(),
            actionness=actionness[0].reshape(batch, -1, 2) if actionness else None,
        )


class SegmentClassifier(nn.Module):
    """Classify a trimmed segment on every level from the global average of the feature map.

    Implements W_regv of section 3.2 of "Learning to Localize Actions from Moments" (Long et al., ECCV
    2020), arXiv:2008.13705.

    Args:
        level_channels: Channels ``d_j`` of each level.
        num_categories: Number K of categories; may be 0 where a category set is empty.
    """

    def __init__(self, level_channels: Sequence[int], num_categories: int) -> None:
        super().__init__()
        self.num_categories = num_categories
        bounds = [width**-0.5 for width in level_channels]
        self.level_weights = nn.ParameterList(
            nn.Parameter(torch.empty(num_categories, width).uniform_(-bound, bound))
            for width, bound in zip(level_channels, bounds, strict=True)
        )
        self.level_biases = nn.ParameterList(nn.Parameter(torch.zeros(num_categories)) for _ in level_channels)

    def weights(self, level: int) -> Tensor:
        """Return one weight row per category.

        Args:
            level: Index of the pyramid level.

        Returns:
            Weights, shape ``(K, d_j)``.
        """
        weight: Tensor = self.level_weights[level]
        return weight

    def biases(self, level: int) -> Tensor:
        """Return one bias per category.

        Args:
            level: Index of the pyramid level.

        Returns:
            Biases, shape ``(K,)``.
        """
        bias: Tensor = self.level_biases[level]
        return bias

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the class logits of whole segments.

        Args:
            levels: Feature maps, shapes ``(B, d_j, n_j)``.

        Returns:
            Logits, shape ``(L, B, K)``.
        """
        return self.classify(pool_levels(levels))

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Return the class logits of whole segments.

        Args:
            pooled: Pooled feature maps, shapes ``(B, d_j)``.

        Returns:
            Logits, shape ``(L, B, K)``.
        """
        logits = [functional.linear(vector, self.weights(j), self.biases(j)) for j, vector in enumerate(pooled)]
        return to_float32(torch.stack(logits))


def pool_levels(levels: Sequence[Tensor]) -> list[Tensor]:
    """Return the global average of every feature map, which segment-level classifiers look at.

    Args:
        levels: Feature maps, shapes ``(B, d_j, n_j)``.

    Returns:
        Vectors, shapes ``(B, d_j)``.
    """
    return [features.mean(dim=-1) for features in levels]
