"""Run facts for loggers: module and options, categories, contract, version."""

from __future__ import annotations

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from aher_lightning import __version__
from aher_lightning.modules.base import BaseModule


class RunFacts(Callback):
    """Log the configuration and the temporal contract once, when training starts."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the facts."""
        if not isinstance(pl_module, BaseModule):
            return
        contract = pl_module.contract
        facts = {
            "model": pl_module.configuration,
            "contract": contract.to_dict() if contract is not None else {},
            "categories": {name: len(getattr(pl_module.categories, name)) for name in ("untrimmed", "moment")},
            "seed": pl_module.seed,
            "processes": trainer.world_size,
            "version": __version__,
        }
        for logger in trainer.loggers:
            logger.log_hyperparams(facts)
            logger.save()
