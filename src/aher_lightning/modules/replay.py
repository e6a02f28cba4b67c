"""Computing again the losses of a step at which training stopped."""

from __future__ import annotations

import torch

from aher_lightning.errors import CheckpointError
from aher_lightning.modules.nan_guard import Incident
from aher_lightning.modules.phased import PhasedModule, TrainingBatch


def replay_losses(module: PhasedModule, incident: Incident) -> dict[str, float]:
    """Return the losses of the step that went wrong, with its weights, batch and random numbers.

    Args:
        module: Made as for training; gets the weights of the incident.
        incident: What :func:`~aher_lightning.modules.nan_guard.read_incident` returned.

    Returns:
        Losses by name, as they were.

    Raises:
        CheckpointError: If the module has no such phase, or other weights.
    """
    phases = {phase.name: phase for phase in module.phases}
    if incident.phase not in phases:
        raise CheckpointError(f"the module has no phase '{incident.phase}'; make it as it was for training")
    try:
        module.load_state_dict(incident.state_dict)
    except RuntimeError:
        raise CheckpointError(
            "the weights of the incident do not fit; make the module as it was for training"
        ) from None
    module.train().backbone.eval()
    module.iteration = incident.iteration
    batch: TrainingBatch = {**incident.batch}  # type: ignore[typeddict-item]  # the same parts by the same names
    data = module.iteration_data(batch)
    if incident.random_state is not None:
        data.generator.set_state(incident.random_state)
    with torch.enable_grad():
        losses = phases[incident.phase].losses(module.network, module.loss, data)
    return {name: float(value.detach()) for name, value in losses.items() if name in incident.losses}
