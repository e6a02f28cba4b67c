"""Abstract bases of the pluggable components; a constructor parameter typed with one of them takes any subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from aher_lightning.models.backbones.recorded_options import RecordsOptions
from aher_lightning.structures import (
    HeadOutputs,
    InputSpec,
    LabelledClips,
    LabelledVideos,
    Proposals,
    Survivors,
    Targets,
)

ClipPreparation = Callable[[Tensor], Tensor]
"""Turns pixels of clips, uint8 ``(N, 3, F, H, W)``, into the normalized clips that a backbone takes."""

CLIPS_AT_ONCE = 32
"""Clips per batch where the result does not depend on it."""


class Backbone(RecordsOptions, nn.Module, ABC):
    """Turns the pixels of snippets into feature vectors.

    A constructor builds the network with random weights, without any network request; what it wants of its clips and
    its own weights, if it has any, are asked for by the members below.

    Attributes:
        out_channels: Size C of a feature vector.
    """

    out_channels: int

    @property
    def input_spec(self) -> InputSpec | None:
        """The clips that the network wants; ``None``, unless overridden, for any.

        The command line builds a backbone that overrides this on torch's "meta" device, without weights, to ask for it.
        """
        return None

    @property
    def brings_weights(self) -> bool:
        """Whether :meth:`load_own_weights` loads trained weights; not unless overridden."""
        return False

    @property
    def fetchable_sha256(self) -> str:
        """Fingerprint of frozen weights that :meth:`load_own_weights` finds by name on any machine; empty if not so.

        Checkpoints may leave such weights out.
        """
        return ""

    @property
    def weights_name(self) -> str:
        """Name of the weights that it brings, for messages."""
        return ""

    def load_own_weights(self) -> None:
        """Load the trained weights that the options name, from a package, a file or a hub; none unless overridden.

        Called before training and extraction, never where a checkpoint brings the weights.

        Raises:
            CheckpointError: If they cannot be loaded; says which file would do.
        """

    def stored_options(self) -> dict[str, object]:
        """Return options that a checkpoint holds in place of those given, so that it can be rebuilt anywhere."""
        return {}

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
            prepare: Normalizes them.

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


class Pyramid(nn.Module, ABC):
    """Turns a feature sequence into feature maps on several temporal scales, whose cells share the video evenly.

    A subclass takes the number of feature channels as first constructor argument.

    Attributes:
        out_channels: Channels ``d_j`` of each level.
    """

    out_channels: Sequence[int]

    @abstractmethod
    def level_lengths(self, length: int) -> list[int]:
        """Return the number of cells on each level.

        Args:
            length: Time steps T of the feature sequence.

        Returns:
            Cells ``n_j`` of each level.
        """

    @abstractmethod
    def forward(self, features: Tensor) -> list[Tensor]:
        """Return the feature map of every level.

        Args:
            features: Feature sequences, shape ``(B, C, T)``.

        Returns:
            Feature maps, shapes ``(B, d_j, n_j)``.
        """


class Head(nn.Module, ABC):
    """Predicts segments: everything that must agree about them, from the reference cells to the decoding.

    A subclass takes the channels ``d_j`` and the cells ``n_j`` of the levels as first constructor arguments. Each of
    the N cells of all levels makes R predictions, which stand next to each other among all ``A = N * R``.

    Attributes:
        predictions_per_cell: Number R.
    """

    predictions_per_cell: int

    @abstractmethod
    def forward(self, levels: Sequence[Tensor]) -> HeadOutputs:
        """Return the outputs of the head.

        Args:
            levels: Feature maps, shapes ``(B, d_j, n_j)``.

        Returns:
            Tensors by name, for the head's other methods.
        """

    @abstractmethod
    def match(self, segments: Tensor, labels: Tensor) -> Targets:
        """Compare cells and predictions with ground truth.

        Args:
            segments: Ground truth ``(start, end)``, normalized, shape ``(B, G, 2)``; G may be 0.
            labels: Its categories, int64 ``(B, G)``; -1 marks padding, which comes last.

        Returns:
            The targets.
        """

    @abstractmethod
    def proposal_loss(self, outputs: HeadOutputs, targets: Targets) -> Tensor:
        """Return L_prop: all of the localization loss that does not depend on the category.

        Averages are over the batch of all processes, see :func:`~aher_lightning.losses.reduction.mean_over_processes`.

        Args:
            outputs: Outputs of the head for B videos.
            targets: What :meth:`match` returned for them.

        Returns:
            Scalar; 0 with a gradient if nothing contributes.
        """

    @abstractmethod
    def decode(self, outputs: HeadOutputs) -> Proposals:
        """Return the segment and the quality of every prediction.

        Args:
            outputs: Outputs of the head for B videos.

        Returns:
            Segments ``(B, A, 2)``, their quality and, if the head predicts it, their actionness ``(B, A)``.
        """

    def export_outputs(self, outputs: HeadOutputs) -> dict[str, Tensor]:  # noqa: ARG002 - of other heads
        """Return further outputs of an exported localizer, beside segments, scores, labels and probabilities.

        Args:
            outputs: Outputs of the head for B videos.

        Returns:
            Tensors by the names that they get in the file, shapes ``(B, ...)``; none unless overridden.
        """
        return {}


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
    """Generates what happens before, or after, a moment (G1 or G2 of Eq. 2).

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


class Context(nn.Module, ABC):
    """Makes synthetic untrimmed videos of moments by adding context around them (A of Eq. 2).

    A subclass takes the number of feature channels and the time steps T of a synthetic video as first constructor
    arguments. Its parameters, if it has any, are the group "generators".
    """

    @abstractmethod
    def forward(
        self, moments: LabelledClips, untrimmed: LabelledVideos | None, generator: torch.Generator
    ) -> LabelledVideos:
        """Return one synthetic video for each moment.

        Args:
            moments: Features ``(B, C, T_m)`` and labels ``(B,)``.
            untrimmed: Real videos of the batch, to take background from; absent where the batch has none.
            generator: Source of the random choices, on the CPU, the same on all processes; see
                :func:`~aher_lightning.ops.batch_slice.batch_slice`.

        Returns:
            Features ``(B, C, T)``, the segments of all instances ``(B, G, 2)`` and their labels ``(B, G)``.

        Raises:
            ConfigError: If there are no untrimmed videos and the context needs them.
        """


class Discriminator(nn.Module, ABC):
    """Discriminates the background of untrimmed videos from that of synthetic moments, on one pyramid level.

    A subclass takes the channels of its level and the head's predictions per cell as first constructor arguments.
    """

    @abstractmethod
    def forward(self, features: Tensor) -> Tensor:
        """Return the logit of "this is real background" for each prediction of the head.

        Args:
            features: Feature map of the level, shape ``(B, d, n)``.

        Returns:
            Logits, shape ``(B, n, R)``.
        """


class ScoreFusion(ABC):
    """Combines what the network says about a prediction into its score for each category."""

    @abstractmethod
    def __call__(self, proposals: Proposals, probabilities: Tensor) -> Tensor:
        """Return the score of each prediction and category.

        Args:
            proposals: Segments ``(B, A, 2)`` with quality and, if the head predicts it, actionness ``(B, A)``.
            probabilities: Class probabilities, shape ``(B, A, K)``.

        Returns:
            Scores, not negative, shape ``(B, A, K)``.
        """


class Suppression(ABC):
    """Suppresses repeated detections.

    Attributes:
        class_agnostic: Whether segments of different categories suppress one another. If so, segments are suppressed
            before they are labelled with several categories, afterwards otherwise.
    """

    class_agnostic: bool

    @abstractmethod
    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor, max_keep: int) -> Survivors:
        """Return the survivors, best first.

        Args:
            segments: ``(start, end)``, shape ``(B, A, 2)``.
            scores: Not negative, shape ``(B, A)``; ``-inf`` marks an absent candidate.
            labels: Category indices, shape ``(B, A)``; ignored if class-agnostic.
            max_keep: Most survivors of a video.

        Returns:
            Indices, segments and scores of the survivors.
        """
