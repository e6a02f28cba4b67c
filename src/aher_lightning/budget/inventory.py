"""Inventory of a data module: what training and evaluation will find, without reading it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from aher_lightning.datamodules.loaders import IterationLoader
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.readable import SubstitutingDataset
from aher_lightning.datasets.video_availability import LeftOut
from aher_lightning.errors import AherError
from aher_lightning.features.store import FeatureStore, NpyFeatureStore


class PartSize(NamedTuple):
    """Size of a part of the training batch, and how many iterations use each sample once.

    Attributes:
        name: Part of a training batch, or "evaluation".
        samples: Number of samples; a video may give several.
        per_iteration: Samples per iteration, over all processes.

    Example:
        >>> PartSize("moments", samples=100, per_iteration=16).iterations
        7
    """

    name: str
    samples: int
    per_iteration: int

    @property
    def iterations(self) -> int:
        """Iterations until each sample has been used once."""
        return -(-self.samples // self.per_iteration)


class Inventory(NamedTuple):
    """What is available, and what is not.

    Attributes:
        loaders: Loader of each part of a training batch that can be drawn from.
        sizes: Their sizes, and that of evaluation.
        left_out: Videos that were left out, by part.
        absence: What missing videos lack, such as "no file in data/videos".
        damaged: Training videos of the feature manifest whose file is missing or truncated.
        problems: Why a part is unusable, one line each.
    """

    loaders: Mapping[str, IterationLoader]
    sizes: Sequence[PartSize]
    left_out: Mapping[str, LeftOut]
    absence: str
    damaged: Sequence[str]
    problems: Sequence[str]


def take_inventory(data: MixedDataModule, num_processes: int = 1, *, evaluates: bool = True) -> Inventory:
    """Check everything that training and evaluation will read, without reading it.

    Args:
        data: The data module.
        num_processes: Processes that will train.
        evaluates: Whether validation will run.

    Returns:
        The inventory; problems of single parts are collected, not raised, so that all are reported at once.
    """
    loaders: dict[str, IterationLoader] = {}
    sizes: list[PartSize] = []
    problems: list[str] = []
    for part in data.parts:
        try:
            loaders[part] = data.training_loader(part)
        except (AherError, ValueError) as problem:  # ValueError: an empty sampler
            problems.append(str(problem))
            continue
        sizes.append(PartSize(part, loaders[part].num_samples, data.batch_size * num_processes))
    if evaluates:
        try:
            videos = data.availability.usable(data.evaluation_videos(), "videos of evaluation")
            sizes.append(PartSize("evaluation", len(videos), data.eval_batch_size * num_processes))
        except AherError as problem:
            problems.append(str(problem))
    is_known = "availability" in vars(data)  # else the source cannot be opened, which is reported already
    return Inventory(
        loaders,
        sizes,
        data.availability.left_out if is_known else {},
        data.availability.absence if is_known else "",
        _damaged_features(data.features, loaders.values()),
        list(dict.fromkeys(problems)),
    )


def _damaged_features(features: FeatureStore | None, loaders: Iterable[IterationLoader]) -> list[str]:
    """Training videos that are in the manifest but not on disk."""
    if not isinstance(features, NpyFeatureStore):
        return []
    videos = [cast("SubstitutingDataset[object]", loader.dataset).videos for loader in loaders]
    return features.missing(sorted(set().union(*videos)))
