"""The backbone in a checkpoint: options without places of one machine, and weights unless they can be fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.own_weights import weights_come_later
from aher_lightning.models.base import Backbone
from aher_lightning.models.fingerprint import fingerprint

OMITTED_KEY = "omitted_backbone"
"""Entry of our state that says which backbone weights are not in the file."""

_PREFIX = "backbone."


def store_options(configuration: Mapping[str, Any], backbone: Backbone) -> dict[str, Any]:
    """Return the configuration of a module with options of its backbone that hold on any machine.

    Args:
        configuration: Class path and arguments of the module; empty if it was made in Python.
        backbone: Its backbone.
    """
    options, arguments = backbone.stored_options(), configuration.get("init_args", {})
    made = arguments.get("backbone")
    if not options or not isinstance(made, Mapping):
        return dict(configuration)
    changed = {**made, "init_args": {**made.get("init_args", {}), **options}}
    return {**configuration, "init_args": {**arguments, "backbone": changed}}


def omit_backbone(checkpoint: dict[str, Any], backbone: Backbone) -> None:
    """Leave the weights of a backbone out of a checkpoint, if they are still those that can be fetched.

    Args:
        checkpoint: Changed: its entry ``omitted_backbone`` names the class, the weights and their SHA-256.
        backbone: The backbone of the module.
    """
    sha256 = backbone.fetchable_sha256
    if not sha256 or fingerprint(backbone) != sha256:
        return
    weights = checkpoint["state_dict"]
    checkpoint["state_dict"] = {name: value for name, value in weights.items() if not name.startswith(_PREFIX)}
    told = {"backbone": type(backbone).__name__, "weights": backbone.weights_name, "sha256": sha256}
    checkpoint[STATE_KEY][OMITTED_KEY] = told


def restore_backbone(checkpoint: dict[str, Any], backbone: Backbone, origin: object) -> None:
    """Add the weights of a backbone to a checkpoint that leaves them out; nothing is downloaded for it.

    Args:
        checkpoint: Changed.
        backbone: The backbone of the module; it gets the weights too.
        origin: The checkpoint, for the message.

    Raises:
        CheckpointError: If the weights are not on this machine, or are others.
    """
    omitted = checkpoint[STATE_KEY].get(OMITTED_KEY)
    if omitted is None or any(name.startswith(_PREFIX) for name in checkpoint["state_dict"]):
        return
    told = f"{origin}: leaves out its backbone {omitted['backbone']} '{omitted['weights']}'"
    try:
        with weights_come_later(offline=True):
            backbone.load_own_weights()
    except CheckpointError as failure:
        raise CheckpointError(f"{told}, which is not on this machine: {failure}") from failure
    if fingerprint(backbone) != omitted["sha256"]:
        raise CheckpointError(
            f"{told} with the SHA-256 {omitted['sha256']:.64}, but the weights of this name here have "
            f"{fingerprint(backbone)}; restore the former, or train again with 'checkpoint.frozen_backbone: keep'"
        )
    for name, value in backbone.state_dict().items():
        checkpoint["state_dict"][f"{_PREFIX}{name}"] = value


def is_omission(value: object) -> bool:
    """Return whether an entry ``omitted_backbone`` is sound."""
    names = {"backbone", "weights", "sha256"}
    return isinstance(value, dict) and value.keys() == names and all(isinstance(one, str) for one in value.values())
