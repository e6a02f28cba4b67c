"""Running a convolutional backbone over many clips: chunks, checkpointing, frozen stages, memory layout."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from aher_lightning.models.base import Backbone


class StagedBackbone(Backbone):
    """A backbone made of consecutive stages, the first of which may be frozen.

    Frozen stages keep their weights and their batch-norm statistics, also in training mode. A subclass
    builds its stages and then calls :meth:`freeze`.

    Args:
        frozen_stages: Number of leading stages, stem included, that training leaves alone.
        channels_last: Keep channels next to each other in memory; faster on most processors.
        clips_per_chunk: Clips that run through the network at once; all of them if not given. In training
            mode batch norm sees one chunk at a time.
        checkpoint_chunks: Recompute the activations of a chunk for its gradients instead of keeping them.
        gradient_share: Share of the clips, drawn at random, that gradients flow through.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(
        self,
        *,
        frozen_stages: int = 0,
        channels_last: bool = True,
        clips_per_chunk: int | None = None,
        checkpoint_chunks: bool = False,
        gradient_share: float = 1.0,
    ) -> None:
        super().__init__()
        if clips_per_chunk is not None and clips_per_chunk < 1:
            raise ValueError(f"clips_per_chunk must be positive, got {clips_per_chunk}")
        if not 0 < gradient_share <= 1:
            raise ValueError(f"gradient_share must lie in (0, 1], got {gradient_share}")
        self.frozen_stages = frozen_stages
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.clips_per_chunk = clips_per_chunk
        self.checkpoint_chunks = checkpoint_chunks
        self.gradient_share = gradient_share

    @abstractmethod
    def stages(self) -> list[nn.ModuleList]:
        """Return the modules of each stage, the stem first."""

    @abstractmethod
    def encode(self, clips: Tensor) -> Tensor:
        """Return the features of one chunk.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``, N at least 1.

        Returns:
            Features, shape ``(N, C)``.
        """

    def freeze(self) -> None:
        """Freeze the leading stages; the last line of a subclass's constructor.

        Raises:
            ValueError: If there are fewer stages.
        """
        stages = self.stages()
        if not 0 <= self.frozen_stages <= len(stages):
            raise ValueError(f"frozen_stages must lie in 0..{len(stages)}, got {self.frozen_stages}")
        for stage in stages[: self.frozen_stages]:
            stage.requires_grad_(requires_grad=False)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedBackbone:
        """Set the mode of all but the frozen stages, which stay in evaluation mode.

        Args:
            mode: Whether to train.

        Returns:
            The backbone itself.
        """
        super().train(mode)
        for stage in self.stages()[: self.frozen_stages]:
            stage.eval()
        return self

    def forward(self, clips: Tensor) -> Tensor:
        """Return one feature vector per clip.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``; N may be 0.

        Returns:
            Features, shape ``(N, C)``.
        """
        has_gradients = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters())
        if not has_gradients or self.gradient_share == 1 or len(clips) < 2:
            return self._encode_chunks(clips, is_recomputed=has_gradients and self.checkpoint_chunks)
        order = torch.randperm(len(clips))
        count = max(1, round(self.gradient_share * len(clips)))
        with_gradients = self._encode_chunks(clips[order[:count]], is_recomputed=self.checkpoint_chunks)
        with torch.no_grad():
            without = self._encode_chunks(clips[order[count:]], is_recomputed=False)
        return torch.cat((with_gradients, without))[order.argsort()]

    def _encode_chunks(self, clips: Tensor, *, is_recomputed: bool) -> Tensor:
        """Return the features of any number of clips, chunk after chunk."""
        if len(clips) == 0:
            return clips.new_zeros(0, self.out_channels)
        features = []
        for chunk in torch.split(clips, self.clips_per_chunk or len(clips)):
            arranged = chunk.contiguous(memory_format=self.memory_format)
            if is_recomputed:
                recomputed = checkpoint(
                    self.encode, arranged, use_reentrant=False, preserve_rng_state=False, context_fn=self._contexts
                )
                features.append(cast("Tensor", recomputed))
            else:
                features.append(self.encode(arranged))
        return torch.cat(features)

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Return the contexts of the first computation of a chunk and of its recomputation."""
        norms = [module for module in self.modules() if isinstance(module, _BatchNorm) and module.training]
        return nullcontext(), _paused_statistics(norms)


@contextmanager
def _paused_statistics(norms: Sequence[_BatchNorm]) -> Generator[None, None, None]:
    """Keep running statistics from counting the same batch again when it is recomputed."""
    kept = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, momentum, counter in kept:
            norm.momentum = momentum
            norm.num_batches_tracked = counter
