"""The localization network without synthetic moments: stage 0 of Algorithm 1, AherNet* and AherNet_M."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.phased import PhasedModule, TrainingBatch
from aher_lightning.modules.phases import RecognitionPhase, TransferPhase
from aher_lightning.modules.variant_phases import ContextPhase
from aher_lightning.ops.resample import Resampling
from aher_lightning.structures import Categories


class LocalizerModule(PhasedModule):
    """Train the network by recognition and localization alone.

    Lines 3 and 4 of Algorithm 1. As stage 0 it gives the model that the algorithm starts from; with the
    wanted categories as untrimmed ones it is AherNet* of the paper; with a
    :class:`~aher_lightning.modules.variant_phases.MomentTransferPhase` it is AherNet_M; with a
    :class:`~aher_lightning.modules.variant_phases.ContextPhase` it trains the generators of AherNet_A-.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: Makes the network from feature channels and the sizes of the two category sets.
        loss: Localization loss.
        decoder: Makes detections of the network's outputs.
        optimizer: Makes the optimizers of phases that name none; Adam at the paper's 0.0001 if not given.
        scheduler: Makes their learning-rate schedules, stepped once per iteration.
        recognition: Segment-level classification of foregrounds and moments.
        transfer: Localization on untrimmed videos.
        contexts: Pre-training of the context generators.
        initial_weights: Checkpoints to start from.
        seed: Seed of all random choices during training.
        resampling: How features are brought to the network's length; the default if not given.
    """

    def __init__(  # noqa: PLR0913 - a flat list of parts and phases: overlays and command lines stay short
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: Callable[[int, int, int], AherNet] = AherNet,
        loss: LocalizationLoss | None = None,
        decoder: DetectionDecoder | None = None,
        optimizer: OptimizerCallable | None = None,
        scheduler: LRSchedulerCallable | None = None,
        recognition: RecognitionPhase | None = None,
        transfer: TransferPhase | None = None,
        contexts: ContextPhase | None = None,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
        resampling: Resampling | None = None,
    ) -> None:
        recognition = recognition or RecognitionPhase()
        transfer = transfer or TransferPhase()
        contexts = contexts or ContextPhase()
        super().__init__(
            categories,
            backbone=backbone,
            network=network(backbone.out_channels, len(categories.untrimmed), len(categories.moment)),
            loss=loss,
            decoder=decoder,
            optimizer=optimizer,
            scheduler=scheduler,
            phases=(recognition, transfer, contexts),
            initial_weights=initial_weights,
            seed=seed,
            resampling=resampling,
        )
        self.recognition = recognition
        self.transfer = transfer
        self.contexts = contexts

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Run one iteration; disabled phases are skipped."""
        data = self.iteration_data(batch)
        self.run_phase(self.recognition, data)
        self.run_phase(self.transfer, data)
        self.run_phase(self.contexts, data)
        self.finish_iteration()
