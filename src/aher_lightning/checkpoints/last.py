"""Which checkpoint a run resumes from: the newest readable one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import CheckpointError

LAST = "last.ckpt"
"""The newest checkpoint of a run."""

PREVIOUS = "previous.ckpt"
"""The one before, for the case that the newest is incomplete or damaged."""


class FoundCheckpoint(NamedTuple):
    """A checkpoint to resume from.

    Attributes:
        path: The file.
        iteration: Finished iterations.
        damaged: Reasons why newer files were skipped.
    """

    path: Path
    iteration: int
    damaged: list[str]


def find_last_checkpoint(folder: Path) -> FoundCheckpoint | None:
    """Return the newest checkpoint of a run that can be read.

    Args:
        folder: Where the run saves its checkpoints; may be missing.

    Returns:
        The checkpoint; ``None`` if none has been written yet.

    Raises:
        CheckpointError: If there are checkpoints, but none is readable.
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
            f"{folder}: none of its {len(damaged)} checkpoints is readable ({damaged[0]}); restore one, or start again "
            "in another folder"
        )
    return None


def _read_iteration(path: Path) -> int | str:
    """Finished iterations of a checkpoint, or the reason why it is unusable."""
    try:
        return int(read_checkpoint(path)[STATE_KEY]["iteration"])
    except CheckpointError as error:
        return str(error)
    except (KeyError, TypeError, ValueError):
        return f"{path}: does not say how many iterations were finished"


def _candidates(folder: Path) -> Iterator[Path]:
    """The checkpoints of a run: ``last`` and ``previous``, then numbered ones, newest first."""
    for path in (folder / LAST, folder / PREVIOUS):
        if path.is_file():
            yield path
    yield from sorted(folder.glob("iteration_*.ckpt"), key=_stated_iteration, reverse=True)


def _stated_iteration(path: Path) -> int:
    """Iteration in the name of a checkpoint; -1 if there is none."""
    digits = path.stem.removeprefix("iteration_")
    return int(digits) if digits.isdecimal() else -1
