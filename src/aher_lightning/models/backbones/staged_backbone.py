"""Running a convolutional backbone over many clips: chunks, checkpointing, freezing, memory format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from aher_lightning.models.backbones.recomputation import Part, encode_recomputed
from aher_lightning.models.base import CLIPS_AT_ONCE, Backbone, ClipPreparation


class StagedBackbone(Backbone):
    """A backbone of consecutive stages, the first of which may be frozen.

    Frozen stages keep their weights and batch-norm statistics in training mode too, and store no activations. A
    subclass builds its stages and then calls :meth:`freeze`.

    With ``checkpoint_chunks``, only pixels and features are kept between forward and backward pass: memory grows
    with the chunk, and with the video by its uint8 pixels alone (docs/end_to_end.md).

    Args:
        frozen_stages: Number of frozen leading stages, stem included.
        channels_last: Use the channels-last memory format; faster on most processors.
        clips_per_chunk: Clips that run through the network at once. If not given, all of them where batch
            norm updates its statistics, which must see the whole batch, and 32 elsewhere.
        checkpoint_chunks: Recompute the activations of a chunk for its gradients instead of keeping them.
        gradient_fraction: Fraction of the clips, drawn at random, that gradients flow through. These are divided
            by it, so that their expectation is the gradient of all clips. Features do not depend on it.
        freeze_batch_norm: Freeze the statistics of batch norm in training mode too; its scales and shifts are
            trained outside frozen stages.

    Raises:
        ValueError: If a number is out of range.
    """

    neutral_options = frozenset(
        {
            *("frozen_stages", "channels_last", "clips_per_chunk", "checkpoint_chunks"),
            *("gradient_fraction", "freeze_batch_norm"),
        }
    )

    def __init__(
        self,
        *,
        frozen_stages: int = 0,
        channels_last: bool = True,
        clips_per_chunk: int | None = None,
        checkpoint_chunks: bool = False,
        gradient_fraction: float = 1.0,
        freeze_batch_norm: bool = False,
    ) -> None:
        super().__init__()
        if clips_per_chunk is not None and clips_per_chunk < 1:
            raise ValueError(f"clips_per_chunk must be positive, got {clips_per_chunk}")
        if not 0 < gradient_fraction <= 1:
            raise ValueError(f"gradient_fraction must lie in (0, 1], got {gradient_fraction}")
        self.frozen_stages = frozen_stages
        self.memory_format = torch.channels_last_3d if channels_last else torch.contiguous_format
        self.clips_per_chunk = clips_per_chunk
        self.checkpoint_chunks = checkpoint_chunks
        self.gradient_fraction = gradient_fraction
        self.freeze_batch_norm = freeze_batch_norm

    @abstractmethod
    def stages(self) -> list[nn.ModuleList]:
        """Return the modules of each stage, the stem first."""

    @abstractmethod
    def encode(self, clips: Tensor) -> Tensor:
        """Return the features ``(N, C)`` of one chunk of normalized clips ``(N, 3, F, H, W)``, N at least 1."""

    def freeze(self) -> None:
        """Freeze the leading stages, at the end of a subclass's constructor; ValueError if there are fewer."""
        stages = self.stages()
        if not 0 <= self.frozen_stages <= len(stages):
            raise ValueError(f"frozen_stages must lie in 0..{len(stages)}, got {self.frozen_stages}")
        for stage in stages[: self.frozen_stages]:
            stage.requires_grad_(requires_grad=False)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedBackbone:
        """Set the mode; frozen stages and frozen batch norm stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages()[: self.frozen_stages]:
            stage.eval()
        if self.freeze_batch_norm:
            for norm in self._batch_norms():
                norm.eval()
        return self

    def encode_pixels(self, clips: Tensor, prepare: ClipPreparation) -> Tensor:
        """Return one feature vector per clip of raw pixels, prepared chunk by chunk; see :meth:`forward`."""
        return cast("Tensor", self(clips, prepare))

    def forward(self, clips: Tensor, prepare: ClipPreparation | None = None) -> Tensor:
        """Return one feature vector per clip.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``; N may be 0.
            prepare: Normalizes a chunk of ``clips``, which are then raw pixels. With ``checkpoint_chunks`` it is
                recomputed too, with the same random numbers.

        Returns:
            Features, shape ``(N, C)``.
        """
        if len(clips) == 0:
            return clips.new_zeros(0, self.out_channels, dtype=torch.get_default_dtype())
        has_gradients = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in self.parameters())
        # Recomputation yields gradients of the weights alone, all that training needs.
        is_recomputed = has_gradients and self.checkpoint_chunks and not clips.requires_grad
        size = self._clips_at_once(len(clips))
        if not has_gradients or self.gradient_fraction == 1 or len(clips) == 1:
            parts = [slice(first, first + size) for first in range(0, len(clips), size)]
            return self._encode_parts(clips, parts, prepare, is_recomputed=is_recomputed)
        order = torch.randperm(len(clips))
        count = max(1, round(self.gradient_fraction * len(clips)))
        drawn = self._encode_parts(clips, torch.split(order[:count], size), prepare, is_recomputed=is_recomputed)
        drawn.register_hook(partial(torch.mul, other=len(clips) / count))  # type: ignore[no-untyped-call]
        if count == len(clips):
            return drawn[order.argsort()]
        with torch.no_grad():
            others = self._encode_parts(clips, torch.split(order[count:], size), prepare, is_recomputed=False)
        return torch.cat((drawn, others))[order.argsort()]

    def _batch_norms(self) -> list[_BatchNorm]:
        """All batch norms."""
        return [module for module in self.modules() if isinstance(module, _BatchNorm)]

    def _clips_at_once(self, count: int) -> int:
        """How many of ``count`` clips run through the network at once."""
        sees_all = any(norm.training for norm in self._batch_norms())
        return self.clips_per_chunk or (count if sees_all else CLIPS_AT_ONCE)

    def _encode_parts(
        self, clips: Tensor, parts: Sequence[Part], prepare: ClipPreparation | None, *, is_recomputed: bool
    ) -> Tensor:
        """Return the features of some of the clips, part after part."""
        encode = partial(self._encode_part, prepare)
        if is_recomputed:
            return encode_recomputed(self, encode, clips, parts)
        return torch.cat([encode(clips, part) for part in parts])

    def _encode_part(self, prepare: ClipPreparation | None, clips: Tensor, part: Part) -> Tensor:
        """Return the features of one part of the clips."""
        # Reorder memory before normalization, while pixels are uint8.
        chosen = clips[part].contiguous(memory_format=self.memory_format)
        if prepare is None:
            return self.encode(chosen)
        return self.encode(prepare(chosen).contiguous(memory_format=self.memory_format))
