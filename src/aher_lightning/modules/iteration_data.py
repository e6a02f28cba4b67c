"""What the phases of one iteration work on."""

from __future__ import annotations

from typing import TypeVar

import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Context
from aher_lightning.structures import LabelledClips, LabelledVideos

_Part = TypeVar("_Part")


class IterationData:
    """Features and labels of one iteration; only the parts that the data module delivers.

    Args:
        generator: Source of this iteration's random choices, on the CPU.
        untrimmed: Untrimmed videos of the categories with boundaries.
        foreground: Their foreground segments.
        moments: Moments.
    """

    def __init__(
        self,
        generator: torch.Generator,
        *,
        untrimmed: LabelledVideos | None = None,
        foreground: LabelledClips | None = None,
        moments: LabelledClips | None = None,
    ) -> None:
        self.generator = generator
        self._untrimmed = untrimmed
        self._foreground = foreground
        self._moments = moments

    def without_graph(self) -> IterationData:
        """Return the same data, from which no gradient reaches the backbone; it goes on with the same generator."""
        videos = self._untrimmed
        untrimmed = None if videos is None else videos._replace(features=videos.features.detach())
        return IterationData(self.generator, untrimmed=untrimmed, foreground=self._foreground, moments=self._moments)

    @property
    def untrimmed(self) -> LabelledVideos:
        """Untrimmed videos; ConfigError if the batch has none."""
        return require_part(self._untrimmed, "untrimmed")

    @property
    def foreground(self) -> LabelledClips:
        """Foreground segments; ConfigError if the batch has none."""
        return require_part(self._foreground, "foreground")

    @property
    def moments(self) -> LabelledClips:
        """Moments; ConfigError if the batch has none."""
        return require_part(self._moments, "moments")

    def synthesize(self, context: Context) -> LabelledVideos:
        """Make synthetic videos of the moments.

        Args:
            context: What is put around them.

        Returns:
            As many videos as moments.

        Raises:
            ConfigError: If the batch has no moments, or lacks the untrimmed videos that the context needs.
        """
        videos: LabelledVideos = context(self.moments, self._untrimmed, self.generator)
        return videos


def require_part(part: _Part | None, name: str) -> _Part:
    """Return a part of a training batch that cannot be done without.

    Args:
        part: The part, if the batch has it.
        name: What the data module calls it.

    Returns:
        The part.

    Raises:
        ConfigError: If the batch lacks it.
    """
    if part is None:
        raise ConfigError(f"training needs '{name}', which 'data.parts' leaves out; add it there")
    return part
