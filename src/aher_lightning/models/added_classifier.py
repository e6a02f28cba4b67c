"""Classifier rows of categories added after training, computed apart so that no other logit changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.ops.precision import to_float32

BLOCK_ROWS = 32
"""Rows that are computed at once; a matter of rounding alone, but of every checkpoint that has added categories."""


class AddedClassifier(nn.Module):
    """Segment-level classifier of categories that joined a finished network.

    A matrix product rounds according to its shape. Added rows therefore never share a product with trained ones.
    They come in blocks of :data:`BLOCK_ROWS`, the last one filled up with zeros, and each block is computed alone. A
    category keeps its row for good: what joins later fills free rows behind it, and what leaves makes its row zero.
    So the logits of a category are bit-identical whichever others exist.

    Nothing here is a parameter: training ignores added categories.

    Args:
        level_channels: Channels ``d_j`` of each level.
        num_rows: Rows S, whole blocks.
        num_categories: Number A of categories.

    Attributes:
        rows: The row of each category, int64 ``(A,)``, increasing.
    """

    rows: Tensor

    def __init__(self, level_channels: Sequence[int], num_rows: int, num_categories: int) -> None:
        super().__init__()
        if num_rows % BLOCK_ROWS or not 0 <= num_categories <= num_rows:
            raise ValueError(f"{num_rows} rows for {num_categories} categories are no whole blocks of {BLOCK_ROWS}")
        self.num_levels = len(level_channels)
        self.register_buffer("rows", torch.arange(num_categories))
        for level, width in enumerate(level_channels):
            self.register_buffer(f"weight_{level}", torch.zeros(num_rows, width))
            self.register_buffer(f"bias_{level}", torch.zeros(num_rows))

    @property
    def num_categories(self) -> int:
        """Number A of categories."""
        return len(self.rows)

    def weights(self, level: int) -> Tensor:
        """Return one weight row per category.

        Args:
            level: Index of the pyramid level.

        Returns:
            Weights, shape ``(A, d_j)``.
        """
        return self.get_buffer(f"weight_{level}")[self.rows]

    def biases(self, level: int) -> Tensor:
        """Return one bias per category.

        Args:
            level: Index of the pyramid level.

        Returns:
            Biases, shape ``(A,)``.
        """
        return self.get_buffer(f"bias_{level}")[self.rows]

    def set_rows(self, level: int, weight: Tensor, bias: Tensor) -> None:
        """Replace the rows of all categories on a level.

        Args:
            level: Index of the pyramid level.
            weight: Weights, shape ``(A, d_j)``.
            bias: Biases, shape ``(A,)``.
        """
        for name, values in ((f"weight_{level}", weight), (f"bias_{level}", bias)):
            self.get_buffer(name).index_copy_(0, self.rows, values.detach())

    def forward(self, pooled: Sequence[Tensor]) -> Tensor:
        """Return the class logits of whole segments.

        Args:
            pooled: Pooled feature maps, shapes ``(B, d_j)``.

        Returns:
            Logits, shape ``(L, B, A)``.
        """
        logits = [
            torch.cat([functional.linear(vectors, weight, bias) for weight, bias in self._level_blocks(level)], dim=-1)
            for level, vectors in enumerate(pooled)
        ]
        return to_float32(torch.stack(logits))[..., self.rows]

    def transferred(
        self, level: int, transfer: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Return the anchor-level classifier of a level.

        Args:
            level: Index of the pyramid level.
            transfer: The weight transfer of the level.

        Returns:
            Weights ``(A, d_j)`` and biases ``(A,)``.
        """
        weights, biases = zip(*(transfer(weight, bias) for weight, bias in self._level_blocks(level)), strict=True)
        return torch.cat(weights)[self.rows], torch.cat(biases)[self.rows]

    def classify_cells(self, weight: Tensor, bias: Tensor, features: Tensor) -> Tensor:
        """Return the class logits of cells.

        Args:
            weight: Anchor-level weights as :meth:`transferred` gives them, ``(A, d_j)``.
            bias: Anchor-level biases, ``(A,)``.
            features: Feature map of the level, ``(B, d_j, n_j)``.

        Returns:
            Logits, ``(B, A, n_j)``.
        """
        num_rows = len(self.get_buffer("bias_0"))
        weights = weight.new_zeros(num_rows, weight.shape[1]).index_copy(0, self.rows, weight)
        biases = bias.new_zeros(num_rows).index_copy(0, self.rows, bias)
        logits = [
            to_float32(torch.matmul(some, features)) + offsets.unsqueeze(-1)
            for some, offsets in _blocks(weights, biases)
        ]
        return torch.cat(logits, dim=1)[:, self.rows]

    def _level_blocks(self, level: int) -> list[tuple[Tensor, Tensor]]:
        """Segment-level weights ``(BLOCK_ROWS, d_j)`` and biases of each block."""
        return _blocks(self.get_buffer(f"weight_{level}"), self.get_buffer(f"bias_{level}"))


def _blocks(weights: Tensor, biases: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Rows in blocks of the size that they are always computed in."""
    return list(zip(torch.split(weights, BLOCK_ROWS), torch.split(biases, BLOCK_ROWS), strict=True))
