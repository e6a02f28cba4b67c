"""The unit of every schedule: iterations as the module counts them."""

from __future__ import annotations

import pytorch_lightning as pl

from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import BaseModule


def finished_iterations(module: pl.LightningModule) -> int:
    """Return how many iterations a module has finished.

    Args:
        module: A module of this package.

    Returns:
        The count.

    Raises:
        ConfigError: If the module does not count iterations.
    """
    if not isinstance(module, BaseModule):
        raise ConfigError(
            f"{type(module).__name__} counts no iterations; use this callback with modules of this package"
        )
    return module.iteration
