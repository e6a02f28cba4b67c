"""``aher add-category``: new categories for a finished checkpoint, from a few clips each."""

from __future__ import annotations

import time
from pathlib import Path

from aher_lightning.console import ProgressReporter, counted, error_console, output_console
from aher_lightning.inference.add_category import AddedCategories, add_categories

FEW_CLIPS = 5
"""A category of fewer clips is learnt, but not well."""


def add_category(
    checkpoint: Path,
    moments: Path,
    output: Path,
    *,
    categories: list[str] | None = None,
    negatives: Path | None = None,
    overwrite: bool = False,
    trust_plugins: bool = False,
) -> AddedCategories:
    """Learn categories from clips and write a checkpoint that has them besides all that it had.

    Args:
        checkpoint: File written by ``aher fit`` or by this command.
        moments: Folder with a sub-folder of video files for each new category, named as it.
        output: File to write.
        categories: The sub-folders to take; all of them if not given.
        negatives: Folder of the same kind with clips of the checkpoint's own moment categories, for a checkpoint
            that remembers no moments.
        overwrite: Whether a file at ``output`` may be replaced.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Returns:
        What was added.

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
        overwrite=overwrite,
        trust_plugins=trust_plugins,
        show=lambda title, total: ProgressReporter(title, total),
    )
    errors, console = error_console(), output_console()
    for line in added.unusable:
        errors.print(f"left out: {line}", markup=False)
    for one in added.categories:
        if one.clips < FEW_CLIPS:
            few = f"'{one.name}' has only {counted(one.clips, 'clip')}; with {FEW_CLIPS} or more it is learnt better"
            errors.print(few, markup=False)
        console.print(f"{one.name}: added from {counted(one.clips, 'clip')}", markup=False)
    console.print(
        f"{output}: {counted(len(added.categories), 'category', 'categories')} more, in "
        f"{time.monotonic() - started:.0f} s",
        markup=False,
    )
    return added
