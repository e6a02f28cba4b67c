"""The four phases of Algorithm 1; each says which batch, which loss, which parameters, which optimizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor

from aher_lightning.losses.adversarial import discriminator_loss, generator_loss
from aher_lightning.losses.classification import segment_classification_loss
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.structures import SyntheticMoments


class IterationData(NamedTuple):
    """What the phases of one iteration work on.

    Attributes:
        untrimmed: Features of untrimmed videos, ``(B, C, T)``.
        segments: Their ground truth, normalized, ``(B, G, 2)``.
        segment_labels: Its categories, ``(B, G)``; -1 marks padding.
        foreground: Features of foreground segments, ``(B, C, T)``.
        foreground_labels: Their categories, ``(B,)``.
        moments: Features of moments, ``(B, C, T_m)``.
        moment_labels: Their categories, ``(B,)``.
        generator: Source of this iteration's random choices.
    """

    untrimmed: Tensor
    segments: Tensor
    segment_labels: Tensor
    foreground: Tensor
    foreground_labels: Tensor
    moments: Tensor
    moment_labels: Tensor
    generator: torch.Generator


class Phase(ABC):
    """One sub-step of an iteration.

    Args:
        optimizer: Makes the optimizer from the parameters of ``groups``.
        scheduler: Makes the learning-rate schedule; it is stepped once per iteration.
        groups: Parameter groups that this phase changes, see ``AherNet.parameter_group``; "backbone" too.
        clip_norm: Largest gradient norm; 0 leaves gradients as they are.

    Attributes:
        name: Key of the phase in logs.
    """

    name: str

    def __init__(
        self,
        *,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None = None,
        groups: Sequence[str],
        clip_norm: float = 0.0,
    ) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.groups = tuple(groups)
        self.clip_norm = clip_norm

    @abstractmethod
    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        """Return the weighted losses whose sum this phase minimizes.

        Args:
            network: The network.
            loss: Localization loss, shared by the phases.
            data: Features and labels of the iteration.

        Returns:
            Scalars by name.
        """


class RecognitionPhase(Phase):
    """Line 3: segment-level classification of foregrounds and moments (Eq. 4) teaches the classifiers.

    Args:
        optimizer: See :class:`Phase`.
        scheduler: See :class:`Phase`.
        groups: See :class:`Phase`. With "pyramid" among them, moments move the 1D ConvNet as in the
            released code; foregrounds never do.
        clip_norm: See :class:`Phase`.
        moments: Whether moments are recognized at all.
    """

    name = "recognition"

    def __init__(
        self,
        *,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        groups: Sequence[str] = ("untrimmed_classifier", "moment_classifier"),
        clip_norm: float = 0.0,
        moments: bool = True,
    ) -> None:
        super().__init__(optimizer=optimizer, scheduler=scheduler, groups=groups, clip_norm=clip_norm)
        self.moments = moments

    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        """Classify foregrounds and moments by their pooled feature maps."""
        with torch.no_grad():
            levels = network.levels(data.foreground)
        logits = network.classify_segments(levels, "untrimmed")
        losses = {"foreground_cls": segment_classification_loss(logits, data.foreground_labels)}
        if self.moments:
            with torch.set_grad_enabled("pyramid" in self.groups):
                levels = network.levels(data.moments)
            logits = network.classify_segments(levels, "moment")
            losses["moment_cls"] = segment_classification_loss(logits, data.moment_labels)
        return losses


class TransferPhase(Phase):
    """Line 4: localization on untrimmed videos teaches the transfer function, the ConvNet and the heads."""

    name = "transfer"

    def __init__(
        self,
        *,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        groups: Sequence[str] = ("pyramid", "heads", "transfer"),
        clip_norm: float = 0.0,
    ) -> None:
        super().__init__(optimizer=optimizer, scheduler=scheduler, groups=groups, clip_norm=clip_norm)

    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize in untrimmed videos."""
        outputs = network.localize(network.levels(data.untrimmed), "untrimmed")
        terms = loss(outputs, network.anchors, data.segments, data.segment_labels)
        return {"untrimmed_cls": terms.classification, "untrimmed_prop": terms.proposal}


class GeneratorPhase(Phase):
    """Line 6, first half: the generators learn contexts that localize well and pass for real background.

    Args:
        optimizer: See :class:`Phase`.
        scheduler: See :class:`Phase`.
        groups: See :class:`Phase`.
        clip_norm: See :class:`Phase`.
        adversarial_weight: Weight of the adversarial loss (Eq. 8).
    """

    name = "generator"

    def __init__(
        self,
        *,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        groups: Sequence[str] = ("generators",),
        clip_norm: float = 0.0,
        adversarial_weight: float = 0.1,
    ) -> None:
        super().__init__(optimizer=optimizer, scheduler=scheduler, groups=groups, clip_norm=clip_norm)
        self.adversarial_weight = adversarial_weight

    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize synthetic moments and deceive the discriminator."""
        synthetic = network.synthesize(data.moments, data.generator)
        levels = network.levels(synthetic.features)
        terms = loss(
            network.localize(levels, "moment"), network.anchors, synthetic.segments, data.moment_labels.unsqueeze(1)
        )
        background = common_background(network, loss, data, synthetic)
        adversarial = generator_loss(network.discriminate(levels), background)
        return {
            "generator_cls": terms.classification,
            "generator_prop": terms.proposal,
            "generator_adv": self.adversarial_weight * adversarial,
        }


class DetectorPhase(Phase):
    """Line 6, second half: the ConvNet learns to localize synthetic moments, the discriminator to unmask them.

    The discriminator reads the feature maps without moving them, as in the released code.

    Args:
        optimizer: See :class:`Phase`.
        scheduler: See :class:`Phase`.
        groups: See :class:`Phase`.
        clip_norm: See :class:`Phase`.
        adversarial_weight: Weight of the adversarial loss (Eq. 8).
        proposal_weight: Weight of the proposal loss of synthetic moments.
    """

    name = "detector"

    def __init__(
        self,
        *,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        groups: Sequence[str] = ("pyramid", "heads", "discriminators"),
        clip_norm: float = 0.0,
        adversarial_weight: float = 0.1,
        proposal_weight: float = 1.0,
    ) -> None:
        super().__init__(optimizer=optimizer, scheduler=scheduler, groups=groups, clip_norm=clip_norm)
        self.adversarial_weight = adversarial_weight
        self.proposal_weight = proposal_weight

    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        """Localize synthetic moments and tell their background from real background."""
        with torch.no_grad():
            synthetic = network.synthesize(data.moments, data.generator)
            real_levels = network.levels(data.untrimmed)
        levels = network.levels(synthetic.features)
        terms = loss(
            network.localize(levels, "moment"), network.anchors, synthetic.segments, data.moment_labels.unsqueeze(1)
        )
        adversarial = discriminator_loss(
            network.discriminate(real_levels),
            network.discriminate([level.detach() for level in levels]),
            common_background(network, loss, data, synthetic),
        )
        return {
            "synthetic_cls": terms.classification,
            "synthetic_prop": self.proposal_weight * terms.proposal,
            "discriminator": self.adversarial_weight * adversarial,
        }


def common_background(
    network: AherNet, loss: LocalizationLoss, data: IterationData, synthetic: SyntheticMoments
) -> Tensor:
    """Find the anchors that are background both in the untrimmed video and in the synthetic moment of a row.

    Args:
        network: Owner of the anchors.
        loss: Owner of the matching thresholds.
        data: Features and labels of the iteration.
        synthetic: Synthetic moments, as many as untrimmed videos.

    Returns:
        Mask, bool ``(B, A)``.
    """
    untrimmed = loss.match(network.anchors, data.segments, data.segment_labels)
    fake = loss.match(network.anchors, synthetic.segments, data.moment_labels.unsqueeze(1))
    return (untrimmed.states == 0) & (fake.states == 0)
