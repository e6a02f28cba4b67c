"""An optimizer of a phase, together with its schedule, the losses that it minimizes and the clipping of gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.optim import Optimizer

from aher_lightning.errors import ConfigError
from aher_lightning.modules.phase import Phase


@dataclass(frozen=True)
class PhaseOptimizer:
    """One optimizer of a phase.

    Args:
        phase: The phase.
        loss_names: The losses of the phase whose sum it minimizes.
        parameters: What it changes.
        optimizer: The optimizer itself.
        scheduler: Its learning-rate schedule, stepped once per iteration; ``None`` keeps rates constant.
        clip_norm: Largest gradient norm; 0 disables clipping.
    """

    phase: Phase
    loss_names: tuple[str, ...]
    parameters: Sequence[nn.Parameter]
    optimizer: Optimizer
    scheduler: object | None
    clip_norm: float

    def objective(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Return the sum of its losses.

        Args:
            losses: Scalars by name.

        Returns:
            Scalar.
        """
        return torch.stack([losses[name] for name in self.loss_names]).sum()

    def configuration(self) -> dict[str, Any]:
        """Return the optimizer and its schedule in the format of Lightning."""
        schedule = {} if self.scheduler is None else {"lr_scheduler": self.scheduler}
        return {"optimizer": self.optimizer, **schedule}


def make_phase_optimizers(
    phase: Phase,
    parameters: Sequence[nn.Parameter],
    default_optimizer: OptimizerCallable,
    default_scheduler: LRSchedulerCallable | None,
) -> list[PhaseOptimizer]:
    """Make the optimizers of a phase: one for all of its losses, or one for each.

    Args:
        phase: The phase.
        parameters: The parameters of its groups.
        default_optimizer: Makes the optimizer where the phase names none.
        default_scheduler: Makes the schedule where the phase names none.

    Returns:
        The optimizers, in the order of the losses.

    Raises:
        ConfigError: If there is nothing to train.
    """
    if not any(parameter.requires_grad for parameter in parameters):
        raise ConfigError(
            f"phase '{phase.name}' has no parameters to train in {', '.join(phase.groups)}; "
            "give it other 'groups', or set 'enabled: false'"
        )
    make_schedule = phase.scheduler or default_scheduler
    made = []
    for loss_names in [(name,) for name in phase.loss_names] if phase.optimizer_per_loss else [phase.loss_names]:
        optimizer = (phase.optimizer or default_optimizer)(parameters)
        schedule = None if make_schedule is None else make_schedule(optimizer)
        made.append(PhaseOptimizer(phase, loss_names, parameters, optimizer, schedule, phase.clip_norm))
    return made
