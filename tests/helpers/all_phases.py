"""Modules that together run every phase, for toy data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.pasted_contexts import PastedContexts
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.phases import (
    DetectorPhase,
    DiscriminatorPhase,
    GeneratorAdversarialPhase,
    GeneratorPhase,
    RecognitionPhase,
)
from aher_lightning.modules.variant_phases import ContextPhase, MomentTransferPhase
from tests.helpers.end_to_end import PixelDataModule, end_to_end_module
from tests.helpers.toy import CATEGORIES, MeanBackbone, ToyDataModule, toy_loss, toy_network
from tests.helpers.training import toy_classifier

SGD = partial(torch.optim.SGD, lr=0.02, momentum=0.9)
"""Some gradients, such as that of a bias which all categories share, are zero but for rounding. Adam divides by their
size and would make steps of the rounding."""

ADAM = partial(torch.optim.Adam, lr=0.001, eps=1e-4)
"""Adam for which rounding is small."""


def every_phase() -> BaseModule:
    """Every phase of AherNet, also those that are left out by default."""
    return AherModule(
        CATEGORIES,
        backbone=MeanBackbone(),
        network=toy_network,
        loss=toy_loss(),
        optimizer=SGD,
        recognition=RecognitionPhase(groups=("untrimmed_classifier", "moment_classifier", "pyramid"), clip_norm=1.0),
        discriminator=DiscriminatorPhase(enabled=True),
        generator_adversarial=GeneratorAdversarialPhase(enabled=True),
        detector=DetectorPhase(groups=("pyramid", "heads", "discriminators", "moment_classifier", "transfer")),
    )


def every_other_phase() -> BaseModule:
    """The phases of the other systems."""
    return LocalizerModule(
        CATEGORIES,
        backbone=MeanBackbone(),
        network=toy_network,
        loss=toy_loss(),
        optimizer=SGD,
        contexts=ContextPhase(enabled=True),
        transfer=MomentTransferPhase(),
    )


def pasted() -> BaseModule:
    """Moments in the background of the untrimmed videos in their rows."""
    return AherModule(
        CATEGORIES,
        backbone=MeanBackbone(),
        network=partial(toy_network, context=PastedContexts),
        loss=toy_loss(),
        optimizer=SGD,
        generator=GeneratorPhase(enabled=False),
        detector=DetectorPhase(groups=("pyramid", "heads", "discriminators", "moment_classifier", "transfer")),
    )


def mined() -> BaseModule:
    """Losses that choose hard negatives among the whole batch, and a step for each loss."""
    return AherModule(
        CATEGORIES,
        backbone=MeanBackbone(),
        network=partial(toy_network, head=AnchorHead),
        optimizer=ADAM,
        detector=DetectorPhase(optimizer_per_loss=True),
    )


def from_pixels() -> BaseModule:
    """Gradients that reach the backbone."""
    return end_to_end_module(optimizer=SGD)


def classifier() -> BaseModule:
    """Recognition by Lightning's automatic optimization."""
    return toy_classifier(dropout=0.0, augmentation=torch.nn.Identity(), optimizer=SGD)


KINDS: dict[str, Callable[[], BaseModule]] = {
    "aher": every_phase,
    "localizer": every_other_phase,
    "pasted": pasted,
    "mined": mined,
    "from_pixels": from_pixels,
    "classifier": classifier,
}


def data_of(kind: str) -> type[ToyDataModule]:
    """Return the data that a kind is trained on."""
    return PixelDataModule if kind in {"from_pixels", "classifier"} else ToyDataModule
