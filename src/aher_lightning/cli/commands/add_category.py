"""``aher add-category``: add categories to a trained checkpoint, from a few clips each."""

from __future__ import annotations

import time
from pathlib import Path

from aher_lightning.console import ProgressReporter, counted, error_console, output_console
from aher_lightning.inference.add_category import AddedCategories, add_categories

_FEW_CLIPS = 5
"""Fewer clips per category give poor results."""

_UNTAUGHT = (
    "the feature bank has no background (left out at export, disabled in training, or annotated throughout): new "
    "categories were learnt from whole clips alone, which finds them less reliably in long videos"
)


def add_category(
    checkpoint: Path,
    moments: Path,
    output: Path,
    *,
    categories: list[str] | None = None,
    negatives: Path | None = None,
    fine_tune: bool = False,
    overwrite: bool = False,
    trust_plugins: bool = False,
) -> AddedCategories:
    """Learn categories from clips and add them to those of a checkpoint.

    Args:
        checkpoint: File written by ``aher fit`` or by this command, an exported folder, or ``hf://user/model``.
        moments: Folder with a sub-folder of video files, named like the category, for each new category.
        output: File to write.
        categories: The sub-folders to take; all of them if not given.
        negatives: Folder of the same kind with clips of the checkpoint's own moment categories, for a checkpoint
            without moments in its feature bank.
        fine_tune: Train everything but the backbone afterwards, on the feature bank and the clips. New categories get
            better, and the scores of existing ones change; without it their logits stay the same to the last bit.
        overwrite: Whether a file at ``output`` may be replaced.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        AherError: If the checkpoint, the names or the clips cannot be used; nothing is written then.
    """
    started = time.monotonic()
    added = add_categories(
        checkpoint,
        moments,
        output,
        categories=categories,
        negatives=negatives,
        fine_tune=fine_tune,
        overwrite=overwrite,
        trust_plugins=trust_plugins,
        show=lambda title, total: ProgressReporter(title, total),
    )
    errors, console = error_console(), output_console()
    for line in added.unusable:
        errors.print(f"left out: {line}", markup=False)
    for one in added.categories:
        if one.clips < _FEW_CLIPS:
            few = f"'{one.name}' has only {counted(one.clips, 'clip')}; {_FEW_CLIPS} or more give better results"
            errors.print(few, markup=False)
        console.print(f"{one.name}: added from {counted(one.clips, 'clip')}", markup=False)
    if not added.is_taught:
        errors.print(_UNTAUGHT, markup=False)
    if fine_tune:
        console.print("fine-tuned: the scores of all existing categories have changed", markup=False)
    console.print(
        f"{output}: {counted(len(added.categories), 'category', 'categories')} more, in "
        f"{time.monotonic() - started:.0f} s",
        markup=False,
    )
    return added
