"""The categories of a checkpoint: where each comes from, and how added ones are taken out again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from aher_lightning.annotations.trimmed_clips import MOST_NAMED
from aher_lightning.checkpoints.added_categories import added_categories, drop_added
from aher_lightning.checkpoints.content import STATE_KEY, check_output, write_checkpoint
from aher_lightning.checkpoints.folder import read_trained
from aher_lightning.errors import ConfigError
from aher_lightning.structures import AddedCategory

Provenance = Literal["untrimmed", "moment", "added"]
"""How a category was learnt: with boundaries, from moments alone, or added after training."""


class ListedCategory(NamedTuple):
    """One category of a checkpoint.

    Attributes:
        name: The category.
        provenance: How it was learnt.
        clips: How many clips it was added from; nothing where it was trained.
        version: Version of this package that added or trained it; nothing where an older one did not say.
    """

    name: str
    provenance: Provenance
    clips: int | None
    version: str | None


def describe_categories(checkpoint: Path) -> list[ListedCategory]:
    """Return the categories of a checkpoint in the order of their labels, those with boundaries first.

    Args:
        checkpoint: File written by ``aher fit`` or ``aher add-category``.

    Returns:
        All categories, whichever are evaluated.

    Raises:
        CheckpointError: If the file is no such checkpoint.
    """
    content = read_trained(checkpoint)
    state = content[STATE_KEY]
    version: str | None = state.get("version")
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
    """Take added categories out of a checkpoint; the logits of all others stay as they are to the last bit.

    Categories of training stay: the network was trained to tell the others from them.

    Args:
        checkpoint: File written by ``aher add-category``.
        categories: Names of added categories.
        output: File to write.
        overwrite: Whether a file at ``output`` may be replaced.

    Returns:
        The categories taken out.

    Raises:
        CheckpointError: If the checkpoint cannot be used, or the output is there already.
        ConfigError: If a category was not added.
    """
    check_output(output, overwrite=overwrite)
    listed = {one.name: one.provenance for one in describe_categories(checkpoint)}
    if not categories:
        raise ConfigError("no category to remove; name one or more")
    for name in categories:
        if name not in listed:
            added = [one for one, provenance in listed.items() if provenance == "added"]
            known = ", ".join(added[:MOST_NAMED]) or "none"
            raise ConfigError(f"{checkpoint}: has no category '{name}'; added ones that it has: {known}")
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
