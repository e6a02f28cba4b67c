"""Add categories to a trained checkpoint from a few clips; existing categories do not change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from aher_lightning import __version__
from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY, append_added, replace_network
from aher_lightning.checkpoints.content import STATE_KEY, check_output, write_checkpoint
from aher_lightning.checkpoints.pretrained_folder import read_trained
from aher_lightning.errors import CheckpointError, ConfigError, name_some
from aher_lightning.inference.category_clips import (
    FEWEST_CLIPS,
    ClipFeatures,
    ShowProgress,
    count_clips,
    list_new_categories,
    pool_moments,
    read_clips,
    require_clips,
    show_nothing,
)
from aher_lightning.inference.category_teaching import (
    FINE_TUNING_STEPS,
    Teaching,
    count_teaching_steps,
    existing_rows,
    fine_tune_network,
    teach_rows,
)
from aher_lightning.inference.category_training import CategoryTraining, LevelProblem, count_steps, train_categories
from aher_lightning.inference.device import choose_device
from aher_lightning.inference.pasted_videos import videos_with_background
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.bank_content import BankContent, StoredMoments, empty_content, read_bank
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import AddedCategory
from aher_lightning.video.reader import VideoReader


class AddedCategories(NamedTuple):
    """What was added.

    Attributes:
        categories: The new categories, in the order of their labels.
        unusable: One line for each clip that could not be decoded.
        training: The new rows, and how their regularization was chosen.
        is_taught: Whether the new rows learnt at the cells of videos, not on whole clips alone.
    """

    categories: list[AddedCategory]
    unusable: list[str]
    training: CategoryTraining
    is_taught: bool


def add_categories(
    checkpoint: Path,
    moments: Path,
    output: Path,
    *,
    categories: Sequence[str] | None = None,
    negatives: Path | None = None,
    fine_tune: bool = False,
    overwrite: bool = False,
    trust_plugins: bool = False,
    reader: VideoReader | None = None,
    show: ShowProgress = show_nothing,
) -> AddedCategories:
    """Add categories to a checkpoint, from trimmed clips alone.

    A linear classifier of whole clips is trained on every pyramid level, against the moments of the checkpoint's
    feature bank; see :func:`train_categories`. Its rows are then taught at the cells of videos, clips pasted into
    stored background; see :func:`teach_rows`. The weight transfer of the checkpoint makes anchor-level classifiers of
    them (Eq. 1 of "Learning to Localize Actions from Moments", Long et al., ECCV 2020, arXiv:2008.13705). The logits of
    all other categories stay the same to the last bit, unless the network is fine-tuned.

    Args:
        checkpoint: File written by ``aher fit`` or by this function, or an exported folder.
        moments: Folder that holds ``<category>/<clip>`` video files.
        output: File to write, once everything has succeeded.
        categories: The sub-folders to take; all if not given.
        negatives: Clips of the checkpoint's own moment categories, instead of the moments of its feature bank.
        fine_tune: Whether to train everything but the backbone afterwards, which changes existing categories too.
        overwrite: Whether a file at ``output`` may be replaced.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.
        reader: Decodes videos; ``None`` chooses one.
        show: Shows progress.

    Raises:
        CheckpointError: If the checkpoint cannot take categories, has no background to fine-tune with, or the output
            exists.
        ConfigError: If a name is taken or cannot be one.
        DataError: If a category has fewer than two usable clips.
    """
    check_output(output, overwrite=overwrite)
    module = _load_localizer(checkpoint, trust_plugins=trust_plugins)
    content = read_trained(checkpoint)
    existing = module.categories
    names = list_new_categories(moments, [*existing.untrimmed, *existing.moment], categories)
    require_clips(moments, count_clips(moments, names), FEWEST_CLIPS)
    bank = read_bank(content[STATE_KEY][FEATURE_BANK_KEY]) if FEATURE_BANK_KEY in content[STATE_KEY] else None
    if negatives is None and (bank is None or not len(bank.moments.labels)):
        raise CheckpointError(
            f"{checkpoint}: has no feature bank of existing categories (exported without, or trained with "
            "'feature_bank_size: 0'); give clips of these by --negatives DIR"
        )
    if fine_tune and (bank is None or not videos_with_background(bank.videos, module.network.length)):
        raise CheckpointError(
            f"{checkpoint}: has no video with background in its feature bank to fine-tune with; leave --fine-tune out"
        )
    module.to(choose_device("auto"))
    clips = _read(module, moments, names, reader, show, "Reading clips")
    counts = torch.bincount(clips.moments.labels, minlength=len(names)).tolist()
    require_clips(moments, dict(zip(names, counts, strict=True)), FEWEST_CLIPS)
    bank = bank or empty_content()
    if negatives is not None:
        bank = bank._replace(moments=_read_negatives(module, negatives, reader, show))
    bank = bank.with_moments(clips.moments._replace(labels=clips.moments.labels + len(existing.moment)))
    learnt = learn_categories(module, bank, fine_tunes=fine_tune, show=show)
    added = [AddedCategory(name, count, __version__) for name, count in zip(names, counts, strict=True)]
    if fine_tune:
        replace_network(content, module.network)
    append_added(content, added, learnt.training.levels)
    content[STATE_KEY][FEATURE_BANK_KEY] = bank.state()
    write_checkpoint(output, content)
    return AddedCategories(added, clips.unusable, learnt.training, learnt.is_taught)


class LearntCategories(NamedTuple):
    """What was learnt of new categories.

    Attributes:
        training: The new rows, and how their regularization was chosen.
        is_taught: Whether the new rows learnt at the cells of videos, not on whole clips alone.
    """

    training: CategoryTraining
    is_taught: bool


def learn_categories(
    module: PhasedModule, bank: BankContent, *, fine_tunes: bool = False, show: ShowProgress = show_nothing
) -> LearntCategories:
    """Learn rows of new categories: on whole clips, then in background, then with the rest of the network.

    Args:
        module: The trained module; only fine-tuning changes it.
        bank: Moments of existing and of new categories; labels beyond those of the module are new.
        fine_tunes: Whether to fine-tune the network.
        show: Shows progress.
    """
    num_new = int(bank.moments.labels.max()) + 1 - len(module.categories.moment)
    with show("Training classifiers", count_steps(len(module.network.level_channels))) as progress:
        problems = level_problems(module, bank.moments)
        training = train_categories(problems, num_new, lambda note: progress.advance(note=note))
    if not videos_with_background(bank.videos, module.network.length):
        return LearntCategories(training, is_taught=False)
    teaching = Teaching(module, bank, existing_rows(module.network), training.levels)
    with show("Teaching in background", count_teaching_steps(num_new)) as progress:
        teaching = teaching._replace(new=teach_rows(teaching, lambda note: progress.advance(note=note)))
    if fine_tunes:
        with show("Fine-tuning", FINE_TUNING_STEPS) as progress:
            rows = fine_tune_network(teaching, lambda note: progress.advance(note=note))
            teaching = teaching._replace(new=rows)
    return LearntCategories(training._replace(levels=teaching.new), is_taught=True)


def level_problems(module: PhasedModule, moments: StoredMoments) -> list[LevelProblem]:
    """What new classifiers learn from on each level: rows of existing categories, moments of existing and new ones."""
    problems, existing = [], existing_rows(module.network)
    for rows, features in zip(existing, pool_moments(module, moments), strict=True):
        problems.append(LevelProblem(features, moments.labels, *rows))
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


def _read_negatives(module: PhasedModule, root: Path, reader: VideoReader | None, show: ShowProgress) -> StoredMoments:
    """Read clips of existing categories."""
    names = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    existing = module.categories.moment
    unknown = [name for name in names if name not in existing]
    if unknown or not names:
        what = f"'{unknown[0]}' is no moment category of the checkpoint" if unknown else "has no sub-folder of clips"
        raise ConfigError(f"{root}: {what}; give sub-folders of its categories alone ({name_some(existing)})")
    snippets, labels = _read(module, root, names, reader, show, "Reading negatives").moments
    require_clips(root, dict(zip(names, torch.bincount(labels, minlength=len(names)).tolist(), strict=True)), 1)
    return StoredMoments(snippets, torch.tensor([existing.index(name) for name in names])[labels])
