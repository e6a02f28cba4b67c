"""``aher remove-category``: added categories leave a checkpoint."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.console import output_console
from aher_lightning.inference.category_list import remove_categories
from aher_lightning.structures import AddedCategory


def remove_category(
    checkpoint: Path, categories: list[str], output: Path, *, overwrite: bool = False
) -> list[AddedCategory]:
    """Write a checkpoint without some of the categories that were added to it.

    Args:
        checkpoint: File written by ``aher add-category``.
        categories: Names of added categories, one after another or with commas between them.
        output: File to write.
        overwrite: Whether a file at ``output`` may be replaced.

    Returns:
        The categories taken out.

    Raises:
        AherError: If the checkpoint cannot be used, or a category was not added; nothing is written then.
    """
    names = [name.strip() for words in categories for name in words.split(",") if name.strip()]
    removed = remove_categories(checkpoint, names, output, overwrite=overwrite)
    output_console().print(f"{output}: without {', '.join(one.name for one in removed)}", markup=False)
    return removed
