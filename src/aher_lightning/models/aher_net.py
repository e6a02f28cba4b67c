"""AherNet: pyramid, head, classifiers, transfer, context and discriminators in one network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from aher_lightning.errors import ConfigError
from aher_lightning.models.added_classifier import AddedClassifier
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.base import Context, Discriminator, Head, Pyramid, WeightTransfer
from aher_lightning.models.discriminator import ConvDiscriminator
from aher_lightning.models.generated_contexts import GeneratedContexts
from aher_lightning.models.pyramid import TemporalPyramid
from aher_lightning.models.segment_classifier import SegmentClassifier, pool_levels
from aher_lightning.models.transfer import MLPTransfer
from aher_lightning.ops.precision import to_float32
from aher_lightning.structures import CategorySet, EvaluatedSet, LevelOutputs, category_sets

PARAMETER_GROUPS = {
    "pyramid": "pyramid",
    "heads": "head",
    "untrimmed_classifier": "untrimmed_classifier",
    "moment_classifier": "moment_classifier",
    "transfer": "transfers",
    "generators": "context",
    "discriminators": "discriminators",
}
"""The part of the network behind each parameter group; together they hold every parameter of the network once."""

REPLACEABLE_PARTS = ("head", "untrimmed_classifier", "moment_classifier", "transfers", "context", "discriminators")
"""Parts of the network that may start with new weights where initial weights come from a network with other ones."""


class LevelClassifier(NamedTuple):
    """Anchor-level classifier of one pyramid level.

    Attributes:
        weight: One row per category, ``(K, d_j)``.
        bias: One per category, ``(K,)``.
    """

    weight: Tensor
    bias: Tensor


class AherNet(nn.Module):
    """Localize actions of categories whose boundaries were never annotated.

    Category set "untrimmed" has temporal annotations, set "moment" is known from trimmed clips only. Both
    share everything but their segment-level classifiers.

    Implements "Learning to Localize Actions from Moments" (Long et al., ECCV 2020), arXiv:2008.13705; the
    default sizes are those of the authors' code.

    Args:
        feature_channels: Channels C of the feature sequences.
        num_untrimmed_categories: Categories with temporal annotations.
        num_moment_categories: Categories known from moments only.
        length: Time steps T of untrimmed videos and synthetic moments; moments have half as many.
        pyramid: Makes the 1D ConvNet from C.
        head: Makes what predicts segments from the channels and the cells of the levels.
        transfer: Makes the weight transfer of a level from its channels.
        context: Makes what is put around moments from C and T.
        discriminator: Makes the discriminator of a level from its channels and the head's predictions per cell; none
            for training without an adversary.
        micro_batch: Samples that run through the 1D ConvNet at once in training, with activation checkpointing; large
            batches then fit into memory, with the losses and gradients of the whole batch.

    Raises:
        ConfigError: If ``micro_batch`` is below 1.

    Attributes:
        cells_per_level: Cells ``n_j`` of each level.
        level_channels: Channels ``d_j`` of each pyramid level.
        moment_length: Time steps of a moment, ``length // 2``.
        added_classifier: Of moment categories that were added after training; none at first.
    """

    added_classifier: AddedClassifier | None

    def __init__(
        self,
        feature_channels: int,
        num_untrimmed_categories: int,
        num_moment_categories: int,
        *,
        length: int = 512,
        pyramid: Callable[[int], Pyramid] = TemporalPyramid,
        head: Callable[[Sequence[int], Sequence[int]], Head] = AnchorHead,
        transfer: Callable[[int], WeightTransfer] = MLPTransfer,
        context: Callable[[int, int], Context] = GeneratedContexts,
        discriminator: Callable[[int, int], Discriminator] | None = ConvDiscriminator,
        micro_batch: int | None = None,
    ) -> None:
        super().__init__()
        if micro_batch is not None and micro_batch < 1:
            raise ConfigError(f"'micro_batch' is {micro_batch}; give at least 1")
        self.micro_batch = micro_batch
        self.length = length
        self.moment_length = length // 2
        self.pyramid = pyramid(feature_channels)
        self.level_channels = level_channels = tuple(self.pyramid.out_channels)
        self.cells_per_level = self.pyramid.level_lengths(length)
        self.head = head(level_channels, self.cells_per_level)
        self.untrimmed_classifier = SegmentClassifier(level_channels, num_untrimmed_categories)
        self.moment_classifier = SegmentClassifier(level_channels, num_moment_categories)
        self.register_module("added_classifier", None)
        self.transfers = nn.ModuleList(transfer(width) for width in level_channels)
        self.context = context(feature_channels, length)
        per_cell = self.head.predictions_per_cell
        self.discriminators = nn.ModuleList(
            () if discriminator is None else (discriminator(width, per_cell) for width in level_channels)
        )

    def levels(self, features: Tensor) -> list[Tensor]:
        """Return the feature map of every pyramid level.

        Args:
            features: Feature sequences, shape ``(B, C, T)``.

        Returns:
            Feature maps, shapes ``(B, d_j, n_j)``.
        """
        levels: list[Tensor]
        if self.micro_batch is None or not torch.is_grad_enabled() or len(features) <= self.micro_batch:
            levels = self.pyramid(features)
            return levels
        parts = [
            checkpoint(self.pyramid, part, use_reentrant=False) for part in torch.split(features, self.micro_batch)
        ]
        return [torch.cat(level) for level in zip(*parts, strict=True)]

    def classify_segments(self, levels: Sequence[Tensor], category_set: CategorySet) -> Tensor:
        """Classify whole trimmed segments, once per level.

        Args:
            levels: Feature maps, shapes ``(B, d_j, n_j)``.
            category_set: Whose categories; added ones come last among those of moments.

        Returns:
            Logits, shape ``(L, B, K)``.
        """
        pooled = pool_levels(levels)
        logits = self._segment_classifier(category_set).classify(pooled)
        added = self._added_to(category_set)
        return logits if added is None else torch.cat([logits, added(pooled)], dim=-1)

    def resize_for_added(self, num_rows: int, num_categories: int) -> None:
        """Turn the last moment categories into added ones, before their rows are loaded.

        The trained classifier gets the size that it had in training.

        Args:
            num_rows: Rows for added categories, whole blocks; see :class:`AddedClassifier`.
            num_categories: How many of the moment categories were added.
        """
        before = self.added_classifier.num_categories if self.added_classifier is not None else 0
        trained = self.moment_classifier.num_categories + before - num_categories
        device = self.moment_classifier.biases(0).device
        self.moment_classifier = SegmentClassifier(self.level_channels, trained).to(device)
        self.added_classifier = AddedClassifier(self.level_channels, num_rows, num_categories).to(device)

    def anchor_classifiers(self, category_set: EvaluatedSet) -> list[LevelClassifier]:
        """Transfer the segment-level classifiers to anchor-level ones, which serve many videos at inference.

        Args:
            category_set: Whose categories; of "all", those with boundaries come first.

        Returns:
            One classifier per level.
        """
        classifiers = [self._segment_classifier(one) for one in category_sets(category_set)]
        added = self._added_to(category_set)
        transferred = []
        for level, transfer in enumerate(self.transfers):
            weight = torch.cat([classifier.weights(level) for classifier in classifiers])
            bias = torch.cat([classifier.biases(level) for classifier in classifiers])
            weight, bias = transfer(weight, bias)
            if added is not None:
                more_weight, more_bias = added.transferred(level, transfer)
                weight, bias = torch.cat([weight, more_weight]), torch.cat([bias, more_bias])
            transferred.append(LevelClassifier(weight, bias))
        return transferred

    def localize(
        self,
        levels: Sequence[Tensor],
        category_set: EvaluatedSet,
        classifiers: Sequence[LevelClassifier] | None = None,
    ) -> LevelOutputs:
        """Classify every cell, and run the head.

        Args:
            levels: Feature maps, shapes ``(B, d_j, n_j)``.
            category_set: Whose categories; of "all", those with boundaries come first.
            classifiers: Result of :meth:`anchor_classifiers`; computed here if not given.

        Returns:
            Class logits ``(B, K, N)``, and the outputs of the head.
        """
        classifiers = self.anchor_classifiers(category_set) if classifiers is None else classifiers
        trained = sum(self._segment_classifier(one).num_categories for one in category_sets(category_set))
        added = self._added_to(category_set)
        logits = [
            _classify_cells(classifier, features, trained, added)
            for classifier, features in zip(classifiers, levels, strict=True)
        ]
        return LevelOutputs(torch.cat(logits, dim=-1), self.head(levels))

    def discriminate(self, levels: Sequence[Tensor]) -> Tensor:
        """Return the discriminators' logits of "this is real background".

        Args:
            levels: Feature maps, shapes ``(B, d_j, n_j)``.

        Returns:
            Logits of all predictions, shape ``(B, A)``.
        """
        pairs = zip(self.discriminators, levels, strict=True)
        return to_float32(torch.cat([discriminator(features).flatten(1) for discriminator, features in pairs], dim=1))

    def forward(self, features: Tensor, category_set: EvaluatedSet) -> LevelOutputs:
        """Localize actions of one category set, or of both.

        Args:
            features: Feature sequences, shape ``(B, C, T)``.
            category_set: Whose categories; of "all", those with boundaries come first.

        Returns:
            See :meth:`localize`.
        """
        return self.localize(self.levels(features), category_set)

    def parameter_group(self, name: str) -> list[nn.Parameter]:
        """Return the parameters of one group.

        Args:
            name: One of ``PARAMETER_GROUPS``.

        Returns:
            The parameters; no other group has any of them.

        Raises:
            ValueError: If there is no such group.
        """
        if name not in PARAMETER_GROUPS:
            raise ValueError(f"no parameter group '{name}'; there are {', '.join(PARAMETER_GROUPS)}")
        return list(self.get_submodule(PARAMETER_GROUPS[name]).parameters())

    def _segment_classifier(self, category_set: CategorySet) -> SegmentClassifier:
        """Return the segment-level classifier of a category set."""
        return self.untrimmed_classifier if category_set == "untrimmed" else self.moment_classifier

    def _added_to(self, category_set: EvaluatedSet) -> AddedClassifier | None:
        """Return the classifier of the categories that were added to a choice of category sets, if there are any."""
        return self.added_classifier if "moment" in category_sets(category_set) else None


def _classify_cells(
    classifier: LevelClassifier, features: Tensor, num_trained: int, added: AddedClassifier | None
) -> Tensor:
    """Class logits of the cells of a level, ``(B, K, n)``; trained rows in the same product as without added ones."""
    weight, bias = classifier
    if added is None:
        return to_float32(torch.matmul(weight, features)) + bias.unsqueeze(-1)
    trained = to_float32(torch.matmul(weight[:num_trained], features)) + bias[:num_trained].unsqueeze(-1)
    return torch.cat([trained, added.classify_cells(weight[num_trained:], bias[num_trained:], features)], dim=1)
