"""The segment-level classifier, and the pooling of feature maps before it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.ops.precision import to_float32


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
