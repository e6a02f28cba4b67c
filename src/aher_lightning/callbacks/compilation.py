"""Compilation of the networks before training."""

from __future__ import annotations

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import nn

from aher_lightning.models.backbones.staged_backbone import StagedBackbone
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phased import PhasedModule


class Compilation(Callback):
    """Compile the backbone and the 1D ConvNet with its heads by ``torch.compile``.

    Weight names do not change, so checkpoints are the same with and without. The first iterations take long, results
    differ in rounding, and CPUs need a C++ compiler.

    Args:
        enabled: Whether to compile.
        backend: Backend of ``torch.compile``.
    """

    def __init__(self, enabled: bool = False, *, backend: str = "inductor") -> None:
        self.enabled = enabled
        self.backend = backend
        self._compiled: pl.LightningModule | None = None

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Compile each network once, also if training is followed by a test."""
        if not self.enabled or not isinstance(pl_module, BaseModule) or self._compiled is pl_module:
            return
        self._compiled = pl_module
        networks: list[nn.Module] = []
        backbone = pl_module.backbone
        if isinstance(backbone, StagedBackbone):
            # Chunking, recomputation and sampling around this do not compile.
            backbone.encode = torch.compile(backbone.encode, backend=self.backend)  # type: ignore[method-assign]
        else:
            networks.append(backbone)
        if isinstance(pl_module, PhasedModule):
            networks += [pl_module.network.pyramid, *pl_module.network.heads]
        for network in networks:
            network.compile(backend=self.backend)
