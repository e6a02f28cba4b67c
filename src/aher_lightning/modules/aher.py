"""AherNet: localization learnt from moments, by the alternating optimization of Algorithm 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable

from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.phased import PhasedModule, TrainingBatch
from aher_lightning.modules.phases import (
    DetectorPhase,
    DiscriminatorPhase,
    GeneratorAdversarialPhase,
    GeneratorPhase,
    RecognitionPhase,
    TransferPhase,
)
from aher_lightning.ops.resample import Resampling
from aher_lightning.structures import Categories


class AherModule(PhasedModule):
    """Learn to localize categories known from moments only.

    Implements Algorithm 1 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705. Its input, a localization model pre-trained on untrimmed videos, comes through
    ``initial_weights`` from a :class:`~aher_lightning.modules.localizer.LocalizerModule`.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: Makes the network from feature channels and the sizes of the two category sets.
        loss: Localization loss.
        decoder: Makes detections of the network's outputs.
        optimizer: Makes the optimizers of phases that name none; Adam at the paper's 0.0001 if not given.
        scheduler: Makes their learning-rate schedules, stepped once per iteration.
        recognition: Line 3.
        transfer: Line 4.
        generator: Line 6, first half.
        discriminator: The discriminators on their own, where the detector does not train them.
        generator_adversarial: The generators' adversarial loss on its own, where the generator phase has none.
        detector: Line 6, second half.
        initial_weights: Checkpoints to start from, usually the one of stage 0.
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
        generator: GeneratorPhase | None = None,
        discriminator: DiscriminatorPhase | None = None,
        generator_adversarial: GeneratorAdversarialPhase | None = None,
        detector: DetectorPhase | None = None,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
        resampling: Resampling | None = None,
    ) -> None:
        recognition = recognition or RecognitionPhase()
        transfer = transfer or TransferPhase()
        generator = generator or GeneratorPhase()
        discriminator = discriminator or DiscriminatorPhase()
        generator_adversarial = generator_adversarial or GeneratorAdversarialPhase()
        detector = detector or DetectorPhase()
        super().__init__(
            categories,
            backbone=backbone,
            network=network(backbone.out_channels, len(categories.untrimmed), len(categories.moment)),
            loss=loss,
            decoder=decoder,
            optimizer=optimizer,
            scheduler=scheduler,
            phases=(recognition, transfer, generator, discriminator, generator_adversarial, detector),
            initial_weights=initial_weights,
            seed=seed,
            resampling=resampling,
        )
        self.recognition = recognition
        self.transfer = transfer
        self.generator = generator
        self.discriminator = discriminator
        self.generator_adversarial = generator_adversarial
        self.detector = detector

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Run one iteration of Algorithm 1; disabled phases, by default the two in brackets, are skipped."""
        data = self.iteration_data(batch)
        # Line 3: foregrounds and moments teach the segment-level classifiers.
        self.run_phase(self.recognition, data)
        # Line 4: untrimmed videos teach the transfer function and the detector.
        self.run_phase(self.transfer, data)
        # Lines 5 and 6: transferred classifiers judge synthetic moments; first the generators learn ...
        self.run_phase(self.generator, data)
        # (The authors' code plays the adversarial game in steps of its own.)
        self.run_phase(self.discriminator, data)
        self.run_phase(self.generator_adversarial, data)
        # ... then, with the generators fixed, the detector and the discriminator.
        self.run_phase(self.detector, data)
        self.finish_iteration()
