"""The localization network under full supervision: stage 0 of Algorithm 1, and the upper bound AherNet*."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.phased import PhasedModule, TrainingBatch
from aher_lightning.modules.phases import RecognitionPhase, TransferPhase
from aher_lightning.ops.resample import Resampling
from aher_lightning.structures import Categories


class LocalizerModule(PhasedModule):
    """Train the network on untrimmed videos with temporal annotations.

    Runs lines 3 and 4 of Algorithm 1 alone. As stage 0 it gives the model that the algorithm starts
    from; with the wanted categories as untrimmed ones it is AherNet* of the paper.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: Makes the network from feature channels and the sizes of the two category sets.
        loss: Localization loss.
        decoder: Makes detections of the network's outputs.
        recognition: Segment-level classification of foregrounds, and of moments if it says so.
        localization: Localization on untrimmed videos.
        initial_weights: Checkpoints to start from.
        seed: Seed of all random choices during training.
        resampling: How features are brought to the network's length; the default if not given.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: Callable[[int, int, int], AherNet] = AherNet,
        loss: LocalizationLoss | None = None,
        decoder: DetectionDecoder | None = None,
        recognition: RecognitionPhase | None = None,
        localization: TransferPhase | None = None,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
        resampling: Resampling | None = None,
    ) -> None:
        recognition = recognition or RecognitionPhase()
        localization = localization or TransferPhase()
        super().__init__(
            categories,
            backbone=backbone,
            network=network(backbone.out_channels, len(categories.untrimmed), len(categories.moment)),
            loss=loss,
            decoder=decoder,
            phases=(recognition, localization),
            initial_weights=initial_weights,
            seed=seed,
            resampling=resampling,
        )
        self.recognition = recognition
        self.localization = localization

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Run one iteration of recognition and localization."""
        data = self.iteration_data(batch)
        self.run_phase(self.recognition, data)
        self.run_phase(self.localization, data)
        self.finish_iteration()
