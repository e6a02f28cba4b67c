"""``aher fit --dry-run``: what a training run would change, need and lack, without running it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from rich.table import Table
from torch import Tensor, nn

from aher_lightning.console import output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.iteration_data import IterationData, LabelledClips, LabelledVideos
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phased import PhasedModule

MIB = 2**20

STATES_PER_PARAMETER = 2
"""Numbers that Adam, the default, keeps of each parameter."""

MOST_NAMED = 3
"""Missing files that are named of each part."""


class PartOfData(NamedTuple):
    """One part of the data of a run.

    Attributes:
        name: What it is.
        named: How many videos or clips there should be.
        missing: Ids of those that have no file, or no features.
        iterations: Iterations until each of the others was seen once; nothing for evaluation.
    """

    name: str
    named: int
    missing: list[str]
    iterations: int | None


class PhaseCost(NamedTuple):
    """What a phase trains, and what that takes.

    Attributes:
        name: Name of the phase.
        groups: Its parameter groups.
        trainable: Parameters that it changes.
        frozen: Parameters of its groups that stay as they are.
        steps: Steps in an iteration.
        saved_mib: What a step keeps for its gradients, on features, in MiB; nothing if not measured.
    """

    name: str
    groups: str
    trainable: int
    frozen: int
    steps: int
    saved_mib: float | None


def dry_run(module: BaseModule, data: MixedDataModule, *, iterations: int, num_processes: int) -> bool:
    """Print what a training run would do.

    Args:
        module: What would be trained.
        data: What it would be trained on.
        iterations: For how many iterations.
        num_processes: By how many processes.

    Returns:
        Whether every file is there.
    """
    console = output_console()
    parts = list_parts(data, num_processes)
    console.print(_phase_table(list_costs(module, data)))
    console.print(_memory_line(module))
    console.print(_data_table(parts, iterations))
    for part in parts:
        for video_id in part.missing[:MOST_NAMED]:
            console.print(f"missing in {part.name}: {video_id}", markup=False)
    is_complete = not any(part.missing for part in parts)
    console.print("everything is there" if is_complete else "not everything is there: see above", markup=False)
    return is_complete


def list_parts(data: MixedDataModule, num_processes: int) -> list[PartOfData]:
    """Return the parts of the data, with what is missing of each.

    Args:
        data: The data module.
        num_processes: How many processes share a batch.

    Returns:
        The parts of a training batch, and evaluation.
    """
    there, per_iteration = set(data.source.video_ids), data.batch_size * num_processes
    parts = []
    for name in data.parts:
        ids = [one.video_id for one in (data.moment_clips() if name == "moments" else data.untrimmed_videos())]
        missing = [one for one in ids if one not in there]
        iterations = math.ceil((len(ids) - len(missing)) / per_iteration)
        # Foreground segments are cut out of untrimmed videos, several of each.
        parts.append(PartOfData(name, len(ids), missing, None if name == "foreground" else iterations))
    ids = [one.video_id for one in data.evaluation_videos()]
    return [*parts, PartOfData("evaluation", len(ids), [one for one in ids if one not in there], None)]


def list_costs(module: BaseModule, data: MixedDataModule) -> list[PhaseCost]:
    """Return what each phase trains.

    Args:
        module: What would be trained.
        data: Says how many samples a batch has.

    Returns:
        One entry per phase; one for everything where a module has no phases.
    """
    if not isinstance(module, PhasedModule):
        return [PhaseCost("all", "all", *_count(module.parameters()), 1, None)]
    return [
        PhaseCost(
            phase.name,
            ", ".join(phase.groups),
            *_count(module.phase_parameters(phase)),
            phase.steps,
            _saved_mib(module, phase, data.batch_size),
        )
        for phase in module.phases
    ]


def _count(parameters: Iterable[nn.Parameter]) -> tuple[int, int]:
    """Numbers of trainable and of frozen parameters."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in parameters]
    return sum(size for size, is_trained in sizes if is_trained), sum(size for size, trained in sizes if not trained)


def _saved_mib(module: PhasedModule, phase: Phase, batch_size: int) -> float:
    """What autograd keeps of the losses of a phase, on random features of the right shape."""
    saved: dict[int, int] = {}

    def note(values: Tensor) -> Tensor:
        storage = values.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return values

    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(note, lambda values: values):
        phase.losses(module.network, module.loss, _random_data(module, batch_size))
    return sum(size for place, size in saved.items() if place not in weights) / MIB


def _random_data(module: PhasedModule, batch_size: int) -> IterationData:
    """Features and labels of the shapes of a batch."""
    channels, network = module.backbone.out_channels, module.network
    generator = torch.Generator().manual_seed(0)

    def clips(length: int, num_classes: int) -> LabelledClips:
        labels = torch.arange(batch_size) % max(num_classes, 1)
        return LabelledClips(torch.rand(batch_size, channels, length, generator=generator), labels)

    untrimmed, moments = len(module.categories.untrimmed), len(module.categories.moment)
    videos = clips(network.length, untrimmed)
    segments = torch.tensor([[[0.2, 0.5]]]).repeat(batch_size, 1, 1)
    return IterationData(
        generator,
        untrimmed=LabelledVideos(videos.features, segments, videos.labels.unsqueeze(1)),
        foreground=clips(network.length, untrimmed),
        moments=clips(network.moment_length, moments),
    )


def _phase_table(costs: Sequence[PhaseCost]) -> Table:
    """What each phase trains."""
    table = Table(title="Phases of an iteration", title_justify="left")
    for column in ("phase", "groups"):
        table.add_column(column, overflow="fold")
    for column in ("steps", "trained", "frozen", "kept for gradients"):
        table.add_column(column, justify="right")
    for cost in costs:
        saved = "" if cost.saved_mib is None else f"{cost.saved_mib:.1f} MiB"
        table.add_row(cost.name, cost.groups, str(cost.steps), f"{cost.trainable:,}", f"{cost.frozen:,}", saved)
    return table


def _memory_line(module: BaseModule) -> str:
    """How much memory is sure to be taken."""
    weights = sum(value.nbytes for value in module.state_dict().values())
    groups = [module.phase_parameters(one) for one in module.phases] if isinstance(module, PhasedModule) else None
    trained = [sum(one.nbytes for one in group if one.requires_grad) for group in groups or [[*module.parameters()]]]
    gradients, states = max(trained, default=0), STATES_PER_PARAMETER * sum(trained)
    total = (weights + gradients + states) / MIB
    return (
        f"memory: {total:.1f} MiB, of which {weights / MIB:.1f} weights, {gradients / MIB:.1f} gradients of the "
        f"largest phase and {states / MIB:.1f} states of Adam; on top comes what a step keeps for its gradients, and "
        "in training from pixels all that the backbone takes"
    )


def _data_table(parts: Sequence[PartOfData], iterations: int) -> Table:
    """What there is of each part."""
    table = Table(title=f"Data, for {iterations} iterations", title_justify="left")
    table.add_column("part")
    for column in ("named", "missing", "iterations to see all once"):
        table.add_column(column, justify="right")
    for part in parts:
        rounds = "" if part.iterations is None else str(part.iterations)
        table.add_row(part.name, str(part.named), str(len(part.missing)), rounds)
    return table
