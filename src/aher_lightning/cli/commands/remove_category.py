"""``aher remove-category``: remove added categories from a checkpoint."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.console import output_console
from aher_lightning.inference.category_list import remove_categories
from aher_lightning.structures import AddedCategory


def remove_category(
    checkpoint: Path, categories: list[str], output: Path, *, overwrite: bool = False
) -> list[AddedCategory]:
    """Write a checkpoint without some of its added categories.

    Args:
        checkpoint: File written by ``aher add-category``, an exported folder, or ``hf://user/model``.
        categories: Names of added categories, separated by spaces or commas.
        output: File to write.
        overwrite: Whether a file at ``output`` may be replaced.

    Raises:
        AherError: If the checkpoint cannot be used, or a category was not added; nothing is written then.
    """
    names = [name.strip() for words in categories for name in words.split(",") if name.strip()]
    removed = remove_categories(checkpoint, names, output, overwrite=overwrite)
    output_console().print(f"{output}: without {', '.join(one.name for one in removed)}", markup=False)
    return removed
