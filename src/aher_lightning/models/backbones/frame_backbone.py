"""Base of the backbones that run an image network over the frames of a clip."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.backbones.frame_pooling import ALL_POOLS, FramePool, pool_frames
from aher_lightning.models.backbones.pretrained_backbone import PretrainedBackbone


class FrameBackbone(PretrainedBackbone):
    """An image network over every n-th frame of a clip; see :func:`pool_frames` for what is made of its features.

    Args:
        pools: How the features of frames become those of a clip.
        every: Use every n-th frame only, from the first on.
        **options: See :class:`PretrainedBackbone`.

    Raises:
        ConfigError: If a number is not positive, or there is no pool.
    """

    def __init__(
        self,
        *,
        pools: Sequence[FramePool] = ALL_POOLS,
        every: int = 1,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**options)
        if every < 1 or not pools:
            raise ConfigError("'every' must be at least 1, and 'pools' name at least one; correct them")
        self.pools = tuple(pools)
        self.every = every

    @abstractmethod
    def encode_frames(self, frames: Tensor) -> Tensor:
        """Return the features ``(M, D)`` of normalized pictures ``(M, 3, H, W)``."""

    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of a few clips; see :meth:`PretrainedBackbone.encode`."""
        chosen = clips[:, :, :: self.every].transpose(1, 2)  # (N, F, 3, H, W)
        features = self.encode_frames(chosen.flatten(0, 1))
        return pool_frames(features.reshape(*chosen.shape[:2], -1), self.pools)
