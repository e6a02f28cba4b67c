"""Abstract bases of the pluggable components; a constructor parameter typed with one of them takes any subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

ClipPreparation = Callable[[Tensor], Tensor]
"""Makes of the pixels of clips, uint8 ``(N, 3, F, H, W)``, the normalized clips that a backbone wants."""

CLIPS_AT_ONCE = 32
"""Clips that run through a backbone at once where the result does not depend on it."""


class Backbone(nn.Module, ABC):
    """Turns the pixels of snippets into feature vectors.

    Attributes:
        out_channels: Size C of a feature vector.
    """

    out_channels: int

    @abstractmethod
    def forward(self, clips: Tensor) -> Tensor:
        """Return one feature vector per clip.

        Args:
            clips: Normalized clips, shape ``(N, 3, F, H, W)``.

        Returns:
            Features, shape ``(N, C)``.
        """

    def encode_pixels(self, clips: Tensor, prepare: ClipPreparation) -> Tensor:
        """Return one feature vector per clip of raw pixels.

        Clips are prepared part by part, so that the normalized pixels fit into memory; all at once in
        training mode, where batch norm must see all. A backbone that keeps less may override this.

        Args:
            clips: Pixels, uint8, shape ``(N, 3, F, H, W)``; N may be 0.
            prepare: Makes normalized clips of them.

        Returns:
            Features, shape ``(N, C)``.
        """
        parts = (clips,) if self.training else torch.split(clips, CLIPS_AT_ONCE)
        return torch.cat([self(prepare(part)) for part in parts])


@runtime_checkable
class ReadsPublicWeights(Protocol):
    """A backbone that can start from weights that others published, in the layout of their file."""

    def load_public_weights(self, path: Path) -> None:
        """Copy the weights of a file into the network.

        Args:
            path: The file, as it was published.

        Raises:
            CheckpointError: If it is missing, no checkpoint, or of another network.
        """
        ...


class WeightTransfer(nn.Module, ABC):
    """The function T of one pyramid level: segment-level classifier in, anchor-level classifier out (Eq. 1).

    A subclass takes the number of channels of its level as first constructor argument. It must not
    depend on the number of categories: what it learns on one category set is applied to another.
    """

    @abstractmethod
    def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Return the anchor-level weights and biases.

        Args:
            weight: Segment-level classifier, one row per category, shape ``(K, d)``.
            bias: Its biases, shape ``(K,)``.

        Returns:
            Anchor-level weights ``(K, d)`` and biases ``(K,)``.
        """


class ContextGenerator(nn.Module, ABC):
    """Imagines what happens before, or after, a moment (G1 or G2 of Eq. 2).

    A subclass takes the number of feature channels as first constructor argument.
    """

    @abstractmethod
    def forward(self, moments: Tensor) -> Tensor:
        """Return context features.

        Args:
            moments: Feature sequences of moments, shape ``(B, C, T_m)``.

        Returns:
            Context, shape ``(B, C, T_c)``; its length is the generator's choice.
        """


class Discriminator(nn.Module, ABC):
    """Tells the background of untrimmed videos from that of synthetic moments, on one pyramid level.

    A subclass takes the channels of its level and the anchors per cell as first constructor arguments.
    """

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Return the logit of "this is real background" for each anchor.

        Args:
            features: Feature map of the level, shape ``(B, d, n)``.

        Returns:
            Logits, shape ``(B, n, R)``.
        """


class ScoreFusion(ABC):
    """Combines classification and overlap into the final score of each anchor."""

    @abstractmethod
    def __call__(self, probabilities: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each anchor.

        Args:
            probabilities: Class probabilities, shape ``(B, A, K)``.
            overlaps: Predicted tIoU, shape ``(B, A)``.

        Returns:
            Scores ``(B, A)`` and category indices, int64 ``(B, A)``.
        """


class Suppression(ABC):
    """Thins out detections that repeat one another."""

    @abstractmethod
    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the indices of the survivors, best first.

        Args:
            segments: ``(start, end)``, shape ``(B, A, 2)``.
            scores: Shape ``(B, A)``; ``-inf`` marks an absent candidate.
            labels: Category indices, shape ``(B, A)``.

        Returns:
            Indices into A, int64 ``(B, M)``, padded with -1.
        """
