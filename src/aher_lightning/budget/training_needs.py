"""Parameters and memory that training needs, measured without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aher_lightning.budget.kept_activations import count_kept
from aher_lightning.budget.optimizer_size import optimizer_bytes
from aher_lightning.budget.reached_parameters import reached_parameters
from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phased import PhasedModule, TrainingBatch
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule


class PhaseNeeds(NamedTuple):
    """Needs of one phase.

    Attributes:
        name: Name of the phase.
        steps: Runs per iteration.
        optimizers: Number of its optimizers.
        trainable: Number of parameters that it changes.
        gradient_bytes: Gradients that exist at the same time.
        optimizer_bytes: States of its optimizers.
        activation_bytes: Kept by its forward pass for the backward pass; ``None`` if not measured.
    """

    name: str
    steps: int
    optimizers: int
    trainable: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int | None


class TrainingNeeds(NamedTuple):
    """Needs of a module in one process, in single precision.

    Attributes:
        parameters: Number of all its parameters.
        weight_bytes: Parameters and buffers.
        trainable_bytes: Parameters that are not frozen.
        phases: The phases, in order.
        batch_bytes: Batch and features of an iteration; ``None`` if not measured.
        encoding_bytes: Kept by the backbone for its gradients while all phases run; ``None`` if not measured.
    """

    parameters: int
    weight_bytes: int
    trainable_bytes: int
    phases: Sequence[PhaseNeeds]
    batch_bytes: int | None = None
    encoding_bytes: int | None = None

    def memory(self, num_processes: int = 1) -> dict[str, int]:
        """Return the peak memory of a process by part.

        Args:
            num_processes: Processes that train; with several, each keeps copies of gradients.

        Returns:
            Bytes by purpose; without batch and activations if these were not measured.
        """
        parts = {
            "weights": self.weight_bytes,
            "gradients, largest phase": max(phase.gradient_bytes for phase in self.phases),
            "optimizer states": sum(phase.optimizer_bytes for phase in self.phases),
        }
        if num_processes > 1:
            # Lightning's strategy allocates buckets for all gradients, ours one message for those of a phase.
            parts["gradients to be sent"] = self.trainable_bytes + parts["gradients, largest phase"]
        if self.batch_bytes is not None and self.encoding_bytes is not None:
            parts["batch and features"] = self.batch_bytes
            largest = max(phase.activation_bytes or 0 for phase in self.phases)
            parts["activations, largest phase"] = self.encoding_bytes + largest
        return parts


def measure_needs(module: BaseModule, batch: TrainingBatch | None = None, *, times: int = 1) -> TrainingNeeds:
    """Measure what training a module needs; its parameters are not changed.

    Weights, gradients and optimizer states are counted. Activations are measured by one forward pass of each phase
    on the CPU, in single precision, as what is kept for the backward pass. Temporary buffers are not
    counted.

    Args:
        module: The module, as made for training.
        batch: A batch of its current iteration; if not given, activations are not measured, and each loss is taken to
            reach all parameters of its phase.
        times: Ratio of the training batch size to that of ``batch``.

    Returns:
        The needs.

    Raises:
        ConfigError: If the module trains nothing, or the batch lacks a part.
    """
    module.train()
    module.configure_optimizers()  # refuses phases without parameters
    weights = [*module.parameters(), *module.buffers()]
    needs = TrainingNeeds(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weight_bytes=_num_bytes(weights),
        trainable_bytes=_num_bytes(parameter for parameter in module.parameters() if parameter.requires_grad),
        phases=(),
    )
    if isinstance(module, PhasedModule):
        return _phased_needs(module, needs, batch, times)
    if isinstance(module, SnippetClassifierModule):
        return _recognition_needs(module, needs, batch, times)
    raise ConfigError(f"{type(module).__name__} has no phases to measure; train it without '--dry-run'")


def _phased_needs(module: PhasedModule, needs: TrainingNeeds, batch: TrainingBatch | None, times: int) -> TrainingNeeds:
    """Needs of a module that trains in phases."""
    if batch is None:
        return needs._replace(phases=[_phase_needs(module, phase) for phase in module.phases])
    weights = [*module.parameters(), *module.buffers()]
    with count_kept([*weights, *_values(batch)]) as encoding:
        data = module.iteration_data(batch)
    features = [getattr(data, part).features for part in batch]
    phases = []
    for phase in module.phases:
        own = data if "backbone" in phase.groups else data.without_graph()
        with _toggled(module, module.phase_parameters(phase)), count_kept([*weights, *features]) as kept:
            losses = phase.losses(module.network, module.loss, own)
        phases.append(_phase_needs(module, phase, losses)._replace(activation_bytes=times * kept.total))
    return needs._replace(
        phases=phases,
        batch_bytes=times * _num_bytes([*_values(batch), *features]),
        encoding_bytes=times * encoding.total,
    )


def _phase_needs(module: PhasedModule, phase: Phase, losses: Mapping[str, Tensor] | None = None) -> PhaseNeeds:
    """Needs of one phase; without losses, each is assumed to reach all parameters."""
    trained = [parameter for parameter in module.phase_parameters(phase) if parameter.requires_grad]
    reached = [trained if losses is None else reached_parameters(losses[name], trained) for name in phase.loss_names]
    if not phase.optimizer_per_loss:
        names = {id(parameter) for parameters in reached for parameter in parameters}
        reached = [[parameter for parameter in trained if id(parameter) in names]]
    found = _needs_of(phase.name, phase.optimizer or module.optimizer, trained, reached)
    if phase.in_turn:
        found = found._replace(gradient_bytes=max(map(_num_bytes, reached)))
    return found._replace(steps=phase.steps)


def _recognition_needs(
    module: SnippetClassifierModule, needs: TrainingNeeds, batch: TrainingBatch | None, times: int
) -> TrainingNeeds:
    """Needs of a module that trains everything in one step."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    phase = _needs_of("recognition", module.optimizer, trained, [trained])
    if batch is None:
        return needs._replace(phases=[phase])
    weights = [*module.parameters(), *module.buffers()]
    with count_kept([*weights, *_values(batch)]) as kept:
        losses = module.recognition_losses(batch)
    del losses
    return needs._replace(
        phases=[phase._replace(activation_bytes=times * kept.total)],
        batch_bytes=times * _num_bytes(_values(batch)),
        encoding_bytes=0,
    )


def _needs_of(
    name: str,
    make: Any,  # noqa: ANN401 - an optimizer factory
    trained: Sequence[nn.Parameter],
    reached: Sequence[Sequence[nn.Parameter]],
) -> PhaseNeeds:
    """Needs that follow from the parameters of a phase and those that each optimizer has gradients of."""
    return PhaseNeeds(
        name=name,
        steps=1,
        optimizers=len(reached),
        trainable=sum(parameter.numel() for parameter in trained),
        gradient_bytes=sum(map(_num_bytes, reached)),
        # Optimizers keep no state for parameters without gradients.
        optimizer_bytes=sum(optimizer_bytes(make, parameters) for parameters in reached if parameters),
        activation_bytes=None,
    )


@contextmanager
def _toggled(module: nn.Module, parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Let gradients reach these parameters only, as in a phase of training."""
    own = {id(parameter) for parameter in parameters}
    others = [one for one in module.parameters() if one.requires_grad and id(one) not in own]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        with torch.enable_grad():
            yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)


def _values(batch: TrainingBatch) -> list[Tensor]:
    """Pixels or cached features of a batch."""
    parts = (batch.get("untrimmed"), batch.get("foreground"), batch.get("moments"))
    return [part.snippets.values for part in parts if part is not None]


def _num_bytes(tensors: Iterable[Tensor]) -> int:
    """Memory of some tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
