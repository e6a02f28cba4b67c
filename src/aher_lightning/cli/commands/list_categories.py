"""``aher list-categories``: the categories of a checkpoint, and how each was learned."""

from __future__ import annotations

import json as json_text
from pathlib import Path

from rich.table import Table
from rich.text import Text

from aher_lightning.console import output_console
from aher_lightning.inference.category_list import ListedCategory, describe_categories


def list_categories(checkpoint: Path, json: bool = False) -> list[ListedCategory]:
    """Show the categories of a checkpoint in the order of their labels.

    Args:
        checkpoint: File written by ``aher fit`` or ``aher add-category``, an exported folder, or ``hf://user/model``.
        json: Print JSON instead of a table.

    Raises:
        CheckpointError: If the file is not such a checkpoint.
    """
    listed = describe_categories(checkpoint)
    if json:
        output_console().print(json_text.dumps([one._asdict() for one in listed]), markup=False)
        return listed
    # As Text, so that square brackets in names are not markup.
    table = Table(title=Text(str(checkpoint)), title_justify="left")
    for column in ("category", "provenance", "clips", "version"):
        table.add_column(column, justify="right" if column == "clips" else "left")
    for one in listed:
        clips = "" if one.clips is None else str(one.clips)
        table.add_row(Text(one.name), one.provenance, clips, Text(one.version))
    output_console().print(table)
    return listed
