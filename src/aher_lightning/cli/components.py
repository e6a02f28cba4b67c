"""The classes that configurations may name: imports them for their short names, and lists them by kind."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import isabstract
from typing import NamedTuple

from pytorch_lightning.loggers import Logger
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from aher_lightning import datamodules, features, losses, models, modules, video
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.features.store import FeatureStore
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.losses.options import ActionnessOptions, MatchingOptions, OffsetOptions, OverlapOptions
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.backbones.augmentation import ClipAugmentation
from aher_lightning.models.base import (
    Backbone,
    Context,
    ContextGenerator,
    Discriminator,
    Head,
    Pyramid,
    ScoreFusion,
    Suppression,
    WeightTransfer,
)
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.score_fusion import VideoCategoryPrior
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phase import Phase
from aher_lightning.ops.resample import Resampling
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import VideoReader

__all__ = ["datamodules", "features", "losses", "models", "modules", "video"]

_PACKAGE = "aher_lightning."

_OF_LIBRARIES = (Optimizer, LRScheduler, Logger)
"""Bases of libraries whose subclasses configurations name too."""


class Kind(NamedTuple):
    """Classes that may stand for one another.

    Attributes:
        name: Name of the kind: its base, or "Options" for classes without alternatives.
        bases: Classes to derive from.
        option: Where configurations name it.
        given: How many of the first constructor arguments the package provides.
    """

    name: str
    bases: tuple[type, ...]
    option: str
    given: int = 0

    def classes(self) -> list[type]:
        """Return the classes of this package, by name."""
        found = {one for base in self.bases for one in _concrete_classes(base) if one.__module__.startswith(_PACKAGE)}
        return sorted(found, key=lambda one: one.__name__)


def _kind(base: type, option: str, given: int = 0) -> Kind:
    """A kind that is called as its base."""
    return Kind(base.__name__, (base,), option, given)


KINDS = (
    _kind(BaseModule, "'model'", 1),
    _kind(MixedDataModule, "'data'"),
    _kind(Backbone, "'backbone' of modules"),
    _kind(AherNet, "'network' of modules", 3),
    _kind(Pyramid, "'pyramid' of AherNet", 1),
    _kind(Head, "'head' of AherNet", 2),
    _kind(WeightTransfer, "'transfer' of AherNet", 1),
    _kind(Context, "'context' of AherNet", 2),
    _kind(ContextGenerator, "'generator' of GeneratedContexts", 1),
    _kind(Discriminator, "'discriminator' of AherNet", 2),
    _kind(CellClassificationLoss, "'loss' of modules"),
    _kind(Phase, "the option of AherModule or LocalizerModule that is named after it"),
    _kind(DetectionDecoder, "'decoder' of modules"),
    _kind(ScoreFusion, "'fusion' of DetectionDecoder"),
    _kind(Suppression, "'suppression' of DetectionDecoder"),
    _kind(FeatureStore, "'features' of data modules"),
    _kind(VideoReader, "'reader' of data modules"),
    Kind(
        "Options",
        (
            *(TemporalContract, SampleRules, Resampling, ClipAugmentation, VideoCategoryPrior),
            *(MatchingOptions, OffsetOptions, OverlapOptions, ActionnessOptions),
        ),
        "groups of options of the classes above",
    ),
)
"""All kinds of classes, in the order in which they are listed."""


def class_names() -> list[str]:
    """Return the short names that configurations may use, also those of plug-ins and of libraries."""
    bases = (*(base for kind in KINDS for base in kind.bases), *_OF_LIBRARIES)
    return list(dict.fromkeys(one.__name__ for base in bases for one in _concrete_classes(base)))


def _concrete_classes(base: type) -> Iterator[type]:
    """A class and all derived from it, without abstract and private ones; some may come twice."""
    if not isabstract(base) and not base.__name__.startswith("_"):
        yield base
    derived_classes: list[type] = base.__subclasses__()
    for derived in derived_classes:
        yield from _concrete_classes(derived)
