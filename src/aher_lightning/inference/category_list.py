"""List the categories of a checkpoint with their provenance, and remove added ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from aher_lightning.checkpoints.added_categories import added_categories, drop_added
from aher_lightning.checkpoints.content import STATE_KEY, check_output, write_checkpoint
from aher_lightning.checkpoints.pretrained_folder import read_trained
from aher_lightning.errors import ConfigError, name_some
from aher_lightning.structures import AddedCategory

Provenance = Literal["untrimmed", "moment", "added"]
"""How a category was learned: with boundaries, from moments alone, or added after training."""


class ListedCategory(NamedTuple):
    """One category of a checkpoint.

    Attributes:
        name: The category.
        provenance: How it was learned.
        clips: Number of clips it was added from; ``None`` if trained.
        version: Version of this package that added or trained it.
    """

    name: str
    provenance: Provenance
    clips: int | None
    version: str


def describe_categories(checkpoint: Path) -> list[ListedCategory]:
    """Return all categories of a checkpoint in the order of their labels, whichever are evaluated.

    Args:
        checkpoint: File written by ``aher fit`` or ``aher add-category``, an exported folder, or ``hf://user/model``.

    Raises:
        CheckpointError: If the file is not such a checkpoint.
    """
    content = read_trained(checkpoint)
    state = content[STATE_KEY]
    version = state["version"]
    added = added_categories(content)
    untrimmed, moment = state["categories"]["untrimmed"], state["categories"]["moment"]
    trained = moment[: len(moment) - len(added)]
    return [
        *(ListedCategory(name, "untrimmed", None, version) for name in untrimmed),
        *(ListedCategory(name, "moment", None, version) for name in trained),
        *(ListedCategory(one.name, "added", one.clips, one.version) for one in added),
    ]


def remove_categories(
    checkpoint: Path, categories: Sequence[str], output: Path, *, overwrite: bool = False
) -> list[AddedCategory]:
    """Remove added categories from a checkpoint; the logits of all others stay the same to the last bit.

    Categories of training cannot be removed: the network learned to tell the others from them.

    Args:
        checkpoint: File written by ``aher add-category``.
        categories: Names of added categories.
        output: File to write.
        overwrite: Whether a file at ``output`` may be replaced.

    Raises:
        CheckpointError: If the checkpoint cannot be used, or the output exists.
        ConfigError: If a category was not added.
    """
    check_output(output, overwrite=overwrite)
    listed = {one.name: one.provenance for one in describe_categories(checkpoint)}
    if not categories:
        raise ConfigError("no category to remove; name one or more")
    for name in categories:
        if name not in listed:
            added = [one for one, provenance in listed.items() if provenance == "added"]
            raise ConfigError(f"{checkpoint}: has no category '{name}'; added ones that it has: {name_some(added)}")
        if listed[name] != "added":
            raise ConfigError(
                f"{checkpoint}: '{name}' was learnt in training, and only added categories can be removed; leave its "
                "detections out of the results instead"
            )
    content = read_trained(checkpoint)
    removed = [one for one in added_categories(content) if one.name in categories]
    drop_added(content, categories)
    write_checkpoint(output, content)
    return removed
