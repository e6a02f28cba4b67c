"""Two kinds of contexts around moments, mixed by chance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Context
from aher_lightning.models.generated_contexts import GeneratedContexts
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.ops.batch_slice import batch_slice
from aher_lightning.structures import LabelledClips, LabelledVideos


class MixedContexts(Context):
    """Paste some moments into real background, and generate the contexts of the others.

    Args:
        channels: Channels C of the feature sequences.
        length: Time steps T of a synthetic video.
        generated: Makes the generated contexts from C and T.
        pasted: Makes the pasted contexts from C and T.
        pasted_fraction: Fraction of the moments that are pasted, drawn one by one.

    Raises:
        ConfigError: If the fraction does not lie within 0 and 1.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        generated: Callable[[int, int], Context] = GeneratedContexts,
        pasted: Callable[[int, int], Context] = PastedContexts,
        pasted_fraction: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 <= pasted_fraction <= 1:
            raise ConfigError(f"'context.pasted_fraction' is {pasted_fraction}; give 0 to 1")
        self.generated = generated(channels, length)
        self.pasted = pasted(channels, length)
        self.pasted_fraction = pasted_fraction

    def forward(
        self, moments: LabelledClips, untrimmed: LabelledVideos | None, generator: torch.Generator
    ) -> LabelledVideos:
        """Return one synthetic video for each moment; see :meth:`Context.forward`."""
        total, own = batch_slice(len(moments.features))
        is_pasted = (torch.rand(total, generator=generator) < self.pasted_fraction)[own].to(moments.features.device)
        generated = self.generated(moments, untrimmed, generator)
        pasted = self.pasted(moments, untrimmed, generator)
        count = max(generated.labels.shape[1], pasted.labels.shape[1])
        pairs = zip(_pad(pasted, count), _pad(generated, count), strict=True)
        return LabelledVideos(*(_choose(is_pasted, one, other) for one, other in pairs))


def _pad(videos: LabelledVideos, count: int) -> LabelledVideos:
    """The same videos with room for a number of instances."""
    missing = count - videos.labels.shape[1]
    segments = functional.pad(videos.segments, (0, 0, 0, missing))
    return videos._replace(segments=segments, labels=functional.pad(videos.labels, (0, missing), value=-1))


def _choose(mask: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Rows of the one where the mask ``(B,)`` says so, of the other elsewhere."""
    return torch.where(mask.view(-1, *[1] * (one.ndim - 1)), one, other)
