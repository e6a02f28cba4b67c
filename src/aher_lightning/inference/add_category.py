"""Add categories to a trained checkpoint from a few clips; existing categories do not change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aher_lightning import __version__
from aher_lightning.annotations.trimmed_clips import MOST_NAMED
from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY, append_added
from aher_lightning.checkpoints.content import STATE_KEY, check_output, write_checkpoint
from aher_lightning.checkpoints.pretrained_folder import read_trained
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.inference.category_clips import (
    FEWEST_CLIPS,
    ClipFeatures,
    ShowProgress,
    count_clips,
    list_new_categories,
    read_clips,
    require_clips,
    show_nothing,
)
from aher_lightning.inference.category_training import CategoryTraining, LevelProblem, count_steps, train_categories
from aher_lightning.inference.device import choose_device
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.aher_net import AherNet
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.ops.precision import to_float16
from aher_lightning.structures import AddedCategory
from aher_lightning.video.reader import VideoReader


class AddedCategories(NamedTuple):
    """What was added.

    Attributes:
        categories: The new categories, in the order of their labels.
        unusable: One line for each clip that could not be decoded.
        training: The new rows, and how their regularization was chosen.
    """

    categories: list[AddedCategory]
    unusable: list[str]
    training: CategoryTraining


def add_categories(
    checkpoint: Path,
    moments: Path,
    output: Path,
    *,
    categories: Sequence[str] | None = None,
    negatives: Path | None = None,
    overwrite: bool = False,
    trust_plugins: bool = False,
    reader: VideoReader | None = None,
    show: ShowProgress = show_nothing,
) -> AddedCategories:
    """Add categories to a checkpoint, from trimmed clips alone.

    A linear classifier of whole clips is trained on every pyramid level, against the moments that the checkpoint
    remembers; see :func:`train_categories`. The weight transfer of the checkpoint makes anchor-level classifiers of its
    rows (Eq. 1 of "Learning to Localize Actions from Moments", Long et al., ECCV 2020, arXiv:2008.13705). The logits
    of all other categories stay the same to the last bit.

    Args:
        checkpoint: File written by ``aher fit`` or by this function, or an exported folder.
        moments: Folder that holds ``<category>/<clip>`` video files.
        output: File to write, once everything has succeeded.
        categories: The sub-folders to take; all if not given.
        negatives: Clips of the checkpoint's own moment categories, instead of its feature bank.
        overwrite: Whether a file at ``output`` may be replaced.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.
        reader: Decodes videos; ``None`` chooses one.
        show: Shows progress.

    Raises:
        CheckpointError: If the checkpoint cannot take categories, or the output exists.
        ConfigError: If a name is taken or cannot be one.
        DataError: If a category has fewer than two usable clips.
    """
    check_output(output, overwrite=overwrite)
    module = _load_localizer(checkpoint, trust_plugins=trust_plugins)
    content = read_trained(checkpoint)
    existing = module.categories
    names = list_new_categories(moments, [*existing.untrimmed, *existing.moment], categories)
    require_clips(moments, count_clips(moments, names), FEWEST_CLIPS)
    if negatives is None and not len(content[STATE_KEY].get(FEATURE_BANK_KEY, {}).get("labels", ())):
        raise CheckpointError(
            f"{checkpoint}: has no feature bank of existing categories (exported without, or trained with "
            "'feature_bank_size: 0'); give clips of these by --negatives DIR"
        )
    module.to(choose_device("auto"))
    clips = _read(module, moments, names, reader, show, "Reading clips")
    counts = torch.bincount(clips.labels, minlength=len(names)).tolist()
    require_clips(moments, dict(zip(names, counts, strict=True)), FEWEST_CLIPS)
    if negatives is not None:
        content[STATE_KEY][FEATURE_BANK_KEY] = _read_negatives(module, negatives, reader, show)
    bank = extend_bank(content[STATE_KEY][FEATURE_BANK_KEY], clips, len(existing.moment))
    with show("Training classifiers", count_steps(len(clips.pooled))) as progress:
        problems = level_problems(module.network.cpu(), bank)
        training = train_categories(problems, len(names), lambda note: progress.advance(note=note))
    added = [AddedCategory(name, count, __version__) for name, count in zip(names, counts, strict=True)]
    append_added(content, added, training.levels)
    content[STATE_KEY][FEATURE_BANK_KEY] = bank
    write_checkpoint(output, content)
    return AddedCategories(added, clips.unusable, training)


def extend_bank(bank: dict[str, Any], clips: ClipFeatures, num_existing: int) -> dict[str, Any]:
    """Append the clips of new categories to a feature bank, for categories that come later."""
    pairs = zip(bank["features"], clips.pooled, strict=True)
    features = [torch.cat([old, to_float16(new)]) for old, new in pairs]
    return {"features": features, "labels": torch.cat([bank["labels"], clips.labels + num_existing])}


def level_problems(network: AherNet, bank: dict[str, Any]) -> list[LevelProblem]:
    """What new classifiers learn from on each level: rows of existing categories, clips of all in the feature bank."""
    problems = []
    for level, features in enumerate(bank["features"]):
        weights, biases = [network.moment_classifier.weights(level)], [network.moment_classifier.biases(level)]
        if network.added_classifier is not None:
            weights.append(network.added_classifier.weights(level))
            biases.append(network.added_classifier.biases(level))
        fixed: tuple[Tensor, Tensor] = torch.cat(weights).detach(), torch.cat(biases).detach()
        problems.append(LevelProblem(features.float(), bank["labels"], *fixed))
    return problems


def _load_localizer(path: Path, *, trust_plugins: bool) -> PhasedModule:
    """Load the module of a checkpoint, if it can take categories."""
    module = load_module(path, trust_plugins=trust_plugins)
    if not isinstance(module, PhasedModule):
        raise CheckpointError(
            f"{path}: holds a {type(module).__name__}, whose categories are fixed; give a checkpoint of AherModule or "
            "LocalizerModule"
        )
    categories = module.categories
    if not categories.moment or categories.evaluated == "untrimmed":
        lacking = "detects untrimmed categories only" if categories.moment else "knows no moment categories"
        raise CheckpointError(f"{path}: {lacking}, and new ones join those of moments; train with both category sets")
    module.require_contract()
    return module


def _read(
    module: PhasedModule, root: Path, names: Sequence[str], reader: VideoReader | None, show: ShowProgress, title: str
) -> ClipFeatures:
    """Read the clips of a folder, with a progress display."""
    with show(title, sum(count_clips(root, names).values())) as progress:
        return read_clips(module, root, names, reader, progress)


def _read_negatives(module: PhasedModule, root: Path, reader: VideoReader | None, show: ShowProgress) -> dict[str, Any]:
    """Read clips of existing categories into a feature bank."""
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    existing = module.categories.moment
    unknown = [name for name in names if name not in existing]
    if unknown or not names:
        known = ", ".join(existing[:MOST_NAMED])
        what = f"'{unknown[0]}' is no moment category of the checkpoint" if unknown else "has no sub-folder of clips"
        raise ConfigError(f"{root}: {what}; give sub-folders of its categories alone ({known} ...)")
    clips = _read(module, root, names, reader, show, "Reading negatives")
    require_clips(root, dict(zip(names, torch.bincount(clips.labels, minlength=len(names)).tolist(), strict=True)), 1)
    labels = torch.tensor([existing.index(name) for name in names])[clips.labels]
    return {"features": [to_float16(values) for values in clips.pooled], "labels": labels}
