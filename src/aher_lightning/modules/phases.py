"""The phases of Algorithm 1, each with its batch, losses, parameters and optimizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.losses.adversarial import generator_loss
from aher_lightning.losses.classification import CellClassificationLoss, segment_classification_loss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.feature_bank import FeatureBank
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.phase import AdversarialPhase, Phase
from aher_lightning.structures import CategorySet, LabelledVideos


class RecognitionPhase(Phase):
    """Line 3: segment-level classification of foregrounds and moments (Eq. 4) teaches the classifiers.

    Args:
        groups: See :class:`Phase`. With "pyramid" among them, moments move the 1D ConvNet as in the
            authors' code; foregrounds never do.
        parts: What is recognized: foregrounds by the classifier of the untrimmed set, moments by theirs.
        weight: Factor of both losses; 2 / B in the authors' code, beside the mean over the batch.
        levels: Whether the losses of the levels are summed, or averaged as in the authors' code.
        feature_bank_size: How many of the last moments the checkpoint keeps snippet features of, as negatives for
            ``aher add-category``; 0 keeps none.
        feature_bank_videos: How many of the last untrimmed videos, whose background categories that are added learn
            in; 0 keeps none.
        **options: See :class:`Phase`.

    Raises:
        ConfigError: If no part is named, or a size of the feature bank is negative.
    """

    name = "recognition"

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("untrimmed_classifier", "moment_classifier"),
        parts: Sequence[Literal["foreground", "moments"]] = ("moments", "foreground"),
        weight: float = 1.0,
        levels: Literal["sum", "mean"] = "sum",
        feature_bank_size: int = 1024,
        feature_bank_videos: int = 64,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, **options)
        if not parts:
            raise ConfigError("phase 'recognition' has no 'parts'; name some, or set 'enabled: false'")
        self.parts = tuple(parts)
        self.weight = weight
        self.levels: Literal["sum", "mean"] = levels
        self.feature_bank: FeatureBank = FeatureBank(feature_bank_size, feature_bank_videos)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """One loss for each part."""
        return tuple({"moments": "moment_cls", "foreground": "foreground_cls"}[part] for part in self.parts)

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Classify foregrounds and moments by their pooled feature maps."""
        return {name: self.single_loss(name, network, loss, data) for name in self.loss_names}

    def single_loss(self, name: str, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> Tensor:
        """Classify those of one part alone: what is not asked for is neither computed nor stored."""
        of_name = {"moment_cls": self._moment_loss, "foreground_cls": self._foreground_loss}
        return of_name[name](network, data)

    def _moment_loss(self, network: AherNet, data: IterationData) -> Tensor:
        with torch.set_grad_enabled("pyramid" in self.groups):
            levels = network.levels(data.moments.features)
        logits = network.classify_segments(levels, "moment")
        return self.weight * segment_classification_loss(logits, data.moments.labels, levels=self.levels)

    def _foreground_loss(self, network: AherNet, data: IterationData) -> Tensor:
        with torch.no_grad():
            levels = network.levels(data.foreground.features)
        logits = network.classify_segments(levels, "untrimmed")
        return self.weight * segment_classification_loss(logits, data.foreground.labels, levels=self.levels)


class TransferPhase(Phase):
    """Line 4: localization on untrimmed videos teaches the transfer function, the ConvNet and the head.

    Args:
        groups: See :class:`Phase`.
        **options: See :class:`Phase`.
    """

    name = "transfer"
    loss_names = ("untrimmed_cls", "untrimmed_prop")

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("pyramid", "heads", "transfer"),
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, **options)

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize in untrimmed videos."""
        videos = data.untrimmed
        terms = localization_losses(network, loss, network.levels(videos.features), videos, "untrimmed")
        return {"untrimmed_cls": terms.classification, "untrimmed_prop": terms.proposal}


class GeneratorPhase(AdversarialPhase):
    """Line 6, first half: the generators learn contexts that localize well and pass for real background.

    Args:
        groups: See :class:`Phase`.
        **options: See :class:`AdversarialPhase`; a weight of 0 leaves the loss to a
            :class:`GeneratorAdversarialPhase`.
    """

    name = "generator"

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("generators",),
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, **options)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Two or three losses."""
        names = ("generator_cls", "generator_prop")
        return (*names, "generator_adv") if self.adversarial_weight else names

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize synthetic moments and fool the discriminators."""
        synthetic = data.synthesize(network.context)
        levels = network.levels(synthetic.features)
        terms = localization_losses(network, loss, levels, synthetic, "moment")
        losses = {"generator_cls": terms.classification, "generator_prop": terms.proposal}
        if self.adversarial_weight:
            adversarial = generator_loss(
                network.discriminate(levels), common_background(network, data.untrimmed, synthetic)
            )
            losses["generator_adv"] = self.adversarial_weight * adversarial
        return losses


class DiscriminatorPhase(AdversarialPhase):
    """The discriminators alone learn to recognize synthetic moments: a step of its own in the authors' code.

    Args:
        groups: See :class:`Phase`.
        enabled: See :class:`Phase`. Not by default, because :class:`DetectorPhase` has this loss too.
        **options: See :class:`AdversarialPhase`.
    """

    name = "discriminator"
    loss_names = ("discriminator_adv",)

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("discriminators",),
        enabled: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, enabled=enabled, **options)

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Tell the background of synthetic moments from real background."""
        with torch.no_grad():
            synthetic = data.synthesize(network.context)
            fake_levels = network.levels(synthetic.features)
            real_levels = network.levels(data.untrimmed.features)
        adversarial = self.discriminator_loss(
            network.discriminate(real_levels),
            network.discriminate(fake_levels),
            common_background(network, data.untrimmed, synthetic),
        )
        return {"discriminator_adv": adversarial}


class GeneratorAdversarialPhase(AdversarialPhase):
    """The generators alone learn to fool the discriminators: two steps of their own in the authors' code.

    Args:
        groups: See :class:`Phase`.
        enabled: See :class:`Phase`. Not by default, because :class:`GeneratorPhase` has this loss too.
        **options: See :class:`AdversarialPhase`.
    """

    name = "generator_adversarial"
    loss_names = ("generator_adversarial_adv",)

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("generators",),
        enabled: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, enabled=enabled, **options)

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Fool the discriminators."""
        synthetic = data.synthesize(network.context)
        fake_logits = network.discriminate(network.levels(synthetic.features))
        adversarial = generator_loss(fake_logits, common_background(network, data.untrimmed, synthetic))
        return {"generator_adversarial_adv": self.adversarial_weight * adversarial}


class DetectorPhase(AdversarialPhase):
    """Line 6, second half: the ConvNet learns to localize synthetic moments, the discriminators to recognize them.

    Args:
        groups: See :class:`Phase`.
        adversarial_levels: Whether the adversarial loss moves the 1D ConvNet too, as Algorithm 1 says, or
            detaches the feature maps, as in the authors' code.
        classification_weight: Weight of the classification loss of synthetic moments.
        proposal_weight: Weight of the proposal loss of synthetic moments.
        **options: See :class:`AdversarialPhase`; a weight of 0 leaves the loss to a :class:`DiscriminatorPhase`.
    """

    name = "detector"

    def __init__(
        self,
        *,
        groups: Sequence[str] = ("pyramid", "heads", "discriminators"),
        adversarial_levels: Literal["fixed", "trained"] = "fixed",
        classification_weight: float = 1.0,
        proposal_weight: float = 1.0,
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(groups=groups, **options)
        self.adversarial_levels: Literal["fixed", "trained"] = adversarial_levels
        self.classification_weight = classification_weight
        self.proposal_weight = proposal_weight

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Two or three losses."""
        names = ("synthetic_cls", "synthetic_prop")
        return (*names, "detector_adv") if self.adversarial_weight else names

    def losses(self, network: AherNet, loss: CellClassificationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize synthetic moments and tell their background from real background."""
        with torch.no_grad():
            synthetic = data.synthesize(network.context)
        levels = network.levels(synthetic.features)
        terms = localization_losses(network, loss, levels, synthetic, "moment")
        losses = {
            "synthetic_cls": self.classification_weight * terms.classification,
            "synthetic_prop": self.proposal_weight * terms.proposal,
        }
        if self.adversarial_weight:
            is_trained = self.adversarial_levels == "trained"
            with torch.set_grad_enabled(is_trained):
                real_levels = network.levels(data.untrimmed.features)
            losses["detector_adv"] = self.discriminator_loss(
                network.discriminate(real_levels),
                network.discriminate(levels if is_trained else [level.detach() for level in levels]),
                common_background(network, data.untrimmed, synthetic),
            )
        return losses


class LocalizationLosses(NamedTuple):
    """The weighted terms of the localization loss, scalars.

    Attributes:
        classification: L_cls.
        proposal: L_prop.
    """

    classification: Tensor
    proposal: Tensor


def localization_losses(
    network: AherNet,
    loss: CellClassificationLoss,
    levels: Sequence[Tensor],
    videos: LabelledVideos,
    category_set: CategorySet,
) -> LocalizationLosses:
    """Compare what the network says about real or synthetic videos with their instances.

    Args:
        network: The network.
        loss: Classification loss of cells.
        levels: Feature maps of the videos, shapes ``(B, d_j, n_j)``.
        videos: The videos.
        category_set: What their labels index.

    Returns:
        The terms of the loss.
    """
    outputs = network.localize(levels, category_set)
    targets = network.head.match(videos.segments, videos.labels)
    return LocalizationLosses(
        classification=loss(outputs.class_logits, videos.labels, targets),
        proposal=network.head.proposal_loss(outputs.head, targets),
    )


def common_background(network: AherNet, untrimmed: LabelledVideos, synthetic: LabelledVideos) -> Tensor:
    """Find the predictions that are background both in the untrimmed and in the synthetic video of a row.

    Args:
        network: Owner of the head, which knows what background is.
        untrimmed: Untrimmed videos.
        synthetic: As many synthetic ones.

    Returns:
        Mask, bool ``(B, A)``.
    """
    real, fake = (network.head.match(videos.segments, videos.labels).is_background for videos in (untrimmed, synthetic))
    return real & fake
