"""Which checkpoint of a run to go on from: the newest that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import CheckpointError

LAST = "last.ckpt"
"""The newest checkpoint of a run."""

PREVIOUS = "previous.ckpt"
"""The one before it, which is there while the newest is being written, and if it turns out to be damaged."""


class FoundCheckpoint(NamedTuple):
    """A checkpoint to go on from.

    Attributes:
        path: The file.
        iteration: Iterations that were finished.
        damaged: Newer files that cannot be read, and why.
    """

    path: Path
    iteration: int
    damaged: list[str]


def find_last_checkpoint(folder: Path) -> FoundCheckpoint | None:
    """Return the newest checkpoint of a run that can be read.

    Args:
        folder: Where the run saves its checkpoints; may be missing.

    Returns:
        The checkpoint, or nothing where none has been written yet.

    Raises:
        CheckpointError: If there are some, and none of them can be read.
    """
    damaged: list[str] = []
    newest: FoundCheckpoint | None = None
    for path in _candidates(folder):
        if newest is not None and (newest.path.name == LAST or _stated_iteration(path) <= newest.iteration):
            break
        found = _read_iteration(path)
        if isinstance(found, str):
            damaged.append(found)
        elif newest is None or found > newest.iteration:
            newest = FoundCheckpoint(path, found, damaged)
    if newest is not None:
        return newest
    if damaged:
        raise CheckpointError(
            f"{folder}: none of its {len(damaged)} checkpoints can be read ({damaged[0]}); restore one, or start anew "
            "in another folder"
        )
    return None


def _read_iteration(path: Path) -> int | str:
    """How many iterations a checkpoint has finished, or why it cannot be used."""
    try:
        return int(read_checkpoint(path)[STATE_KEY]["iteration"])
    except CheckpointError as error:
        return str(error)
    except (KeyError, TypeError, ValueError):
        return f"{path}: does not say how many iterations were finished"


def _candidates(folder: Path) -> Iterator[Path]:
    """The checkpoints of a run: the two whose names do not tell their iteration, then the others, newest first."""
    for path in (folder / LAST, folder / PREVIOUS):
        if path.is_file():
            yield path
    yield from sorted(folder.glob("iteration_*.ckpt"), key=_stated_iteration, reverse=True)


def _stated_iteration(path: Path) -> int:
    """How many iterations the name of a checkpoint tells; none if it does not."""
    digits = path.stem.removeprefix("iteration_")
    return int(digits) if digits.isdecimal() else -1
