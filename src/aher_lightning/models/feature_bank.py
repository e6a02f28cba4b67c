"""Pooled features of the moments seen last: negatives for categories that are added after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.ops.precision import to_float16


class FeatureBank:
    """The last moments, as pooled feature maps in half precision.

    Features are those of the network at that time, which keeps learning; the newest replace the oldest. With
    several processes each keeps its own moments, and the checkpoint has those of the first one.

    Args:
        size: How many moments to keep; 0 keeps none.

    Raises:
        ConfigError: If the size is negative.

    Example:
        >>> memory = FeatureBank(2)
        >>> for number in range(3):
        ...     memory.add([torch.full((1, 4), float(number))], torch.tensor([number]))
        >>> memory.state()["labels"].tolist()
        [1, 2]
    """

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ConfigError(f"'feature_bank_size' is {size}; give 0 to keep no moments, or more")
        self.size = size
        self._features: list[Tensor] = []
        self._labels = torch.zeros(0, dtype=torch.int64)
        self._count = 0

    def __len__(self) -> int:
        return min(self._count, self.size)

    def add(self, pooled: Sequence[Tensor], labels: Tensor) -> None:
        """Store moments.

        Args:
            pooled: Their pooled feature maps on each level, ``(B, d_j)``; clamped to the range of half precision.
            labels: Their categories, int64 ``(B,)``.
        """
        if not self.size:
            return
        if not self._features or self._labels.device != labels.device:
            self._move(pooled, labels.device)
        pooled, labels = [values[-self.size :] for values in pooled], labels[-self.size :]
        places = (self._count + torch.arange(len(labels), device=labels.device)) % self.size
        for kept, values in zip(self._features, pooled, strict=True):
            kept[places] = to_float16(values.detach())
        self._labels[places] = labels
        self._count += len(labels)

    def state(self) -> dict[str, Any]:
        """Return everything stored, oldest first.

        Returns:
            "features", float16 ``(n, d_j)`` of each level, and "labels", int64 ``(n,)``, on the CPU.
        """
        first = self._count % self.size if self._count > self.size else 0
        order = (first + torch.arange(len(self))) % max(self.size, 1)
        return {
            "features": [values.cpu()[order] for values in self._features],
            "labels": self._labels.cpu()[order],
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state` returned, the newest entries if not all fit.

        Args:
            state: The stored features.

        Raises:
            CheckpointError: If it is malformed.
        """
        try:
            features, labels = list(state["features"]), state["labels"]
            is_sound = all(len(values) == len(labels) for values in features)
        except (KeyError, TypeError):
            is_sound = False
        if not is_sound:
            raise CheckpointError("the checkpoint's feature bank is damaged; give another checkpoint")
        self._features, self._count = [], 0
        if features:
            self.add(features, labels)

    def _move(self, pooled: Sequence[Tensor], device: torch.device) -> None:
        """Allocate on a device, or move what was loaded elsewhere."""
        if self._features:
            self._features = [values.to(device) for values in self._features]
        else:
            self._features = [
                torch.zeros(self.size, values.shape[1], dtype=torch.float16, device=device) for values in pooled
            ]
            self._labels = torch.zeros(self.size, dtype=torch.int64)
        self._labels = self._labels.to(device)
