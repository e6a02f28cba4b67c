"""The device that networks run on."""

from __future__ import annotations

import torch

from aher_lightning.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """Return the device of a name such as "cpu" or "cuda:1"; "auto" takes a GPU if there is one.

    Raises:
        ConfigError: If there is no such device, or it cannot be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"unknown device '{name:.40}'; give cpu, cuda, cuda:1 and so on, or auto") from None
    try:
        torch.empty(1, device=device).cpu()
    except (AssertionError, RuntimeError) as error:  # torch without CUDA asserts
        reason = " ".join(str(error).split())
        raise ConfigError(f"device '{name:.40}' cannot be used here ({reason:.100}); give cpu or auto") from None
    return device
