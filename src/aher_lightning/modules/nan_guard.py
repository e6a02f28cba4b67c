"""Losses that are no longer numbers: training stops, says where and with which samples, and keeps the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor

from aher_lightning.checkpoints.content import read_plain, write_checkpoint
from aher_lightning.errors import CheckpointError, TrainingError
from aher_lightning.losses.reduction import num_processes, sum_over_processes
from aher_lightning.structures import MomentBatch, SnippetSequences, UntrimmedBatch

if TYPE_CHECKING:
    from aher_lightning.modules.base import BaseModule

MOST_SAMPLES = 4
"""Samples that a message names; the file has all."""

Batch = Mapping[str, UntrimmedBatch | MomentBatch]
"""The parts of a training batch by name."""

_KINDS: dict[str, type[UntrimmedBatch] | type[MomentBatch]] = {
    "untrimmed": UntrimmedBatch,
    "foreground": MomentBatch,
    "moments": MomentBatch,
}


class Incident(NamedTuple):
    """A step whose losses were no numbers, with all that it takes to compute them again.

    Attributes:
        phase: Name of the phase.
        iteration: Finished iterations before it.
        losses: Losses by name, as they were.
        batch: The batch of the iteration.
        state_dict: Weights just before the step.
        random_state: State of the generator that the phase drew from, before it did; nothing if it draws from none.
    """

    phase: str
    iteration: int
    losses: dict[str, float]
    batch: Batch
    state_dict: dict[str, Tensor]
    random_state: Tensor | None = None


def check_losses_over_processes(
    module: BaseModule, phase: str, losses: Mapping[str, Tensor], batch: Batch, random_state: Tensor | None = None
) -> None:
    """Stop training where a loss is infinite or no number, before any gradient of it is taken.

    All processes stop together. Each whose own losses are wrong writes ``nan_<iteration>_<rank>.pt`` into the run
    folder, see :func:`read_incident`. Costs one number to wait for in each phase.

    Args:
        module: The module, whose weights the step would change.
        phase: Name of the phase.
        losses: Scalars by name.
        batch: The batch of the iteration.
        random_state: State of the generator that the phase drew from, before it did.

    Raises:
        TrainingError: If a loss of any process is not finite.
    """
    is_wrong = ~torch.stack([loss.detach() for loss in losses.values()]).isfinite()
    by_process = torch.zeros(num_processes(), dtype=torch.int64, device=is_wrong.device)
    by_process[module.global_rank % len(by_process)] = is_wrong.any()
    stopped = sum_over_processes(by_process).nonzero().flatten().tolist()
    if not stopped:
        return
    names = [name for name, wrong in zip(losses, is_wrong.tolist(), strict=True) if wrong]
    place = f"phase '{phase}', iteration {module.iteration}"
    if not names:
        raise TrainingError(f"{place}: a loss of process {stopped[0]} is not finite; its message says which")
    path = Path(module.trainer.default_root_dir) / f"nan_{module.iteration:06d}_{module.global_rank}.pt"
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    write_incident(path, Incident(phase, module.iteration, values, batch, module.state_dict(), random_state))
    said = ", ".join(f"{name} is {values[name]}" for name in names)
    raise TrainingError(
        f"{place}: {said}, with {_name_samples(batch)}; look at these samples, or lower the learning rate. Batch and "
        f"weights are in {path}, and the last checkpoint is untouched"
    )


def write_incident(path: Path, incident: Incident) -> None:
    """Write what happened, atomically.

    Args:
        path: File to write.
        incident: What happened.

    Raises:
        CheckpointError: If it cannot be written.
    """
    parts = {name: {**part._asdict(), "snippets": part.snippets._asdict()} for name, part in incident.batch.items()}
    write_checkpoint(path, {**incident._asdict(), "batch": parts})


def read_incident(path: Path) -> Incident:
    """Return what happened when training stopped.

    Args:
        path: File that :func:`check_losses_over_processes` wrote.

    Returns:
        Batch and weights, on the CPU.

    Raises:
        CheckpointError: If the file is missing, damaged, or another.
    """
    content = cast("dict[str, Any]", read_plain(path))
    if not isinstance(content, dict) or set(Incident._fields) != content.keys():
        raise CheckpointError(f"{path}: tells of no step of training; give a file that a stopped run has written")
    batch = {
        name: _KINDS[name](**{**part, "snippets": SnippetSequences(**part["snippets"])})
        for name, part in content["batch"].items()
    }
    return Incident(**{**content, "batch": batch})


def _name_samples(batch: Batch) -> str:
    """The first samples of each part, for a message."""
    return ", ".join(f"{name} {_shorten(part.video_ids)}" for name, part in batch.items())


def _shorten(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - MOST_SAMPLES} more" if len(names) > MOST_SAMPLES else ""
    return f"{', '.join(names[:MOST_SAMPLES])}{more}"
