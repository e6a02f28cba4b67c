"""Manual optimization in phases: one optimizer each, iterations counted here, resumable to the bit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from aher_lightning.errors import ConfigError
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phases import IterationData, Phase
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.resample import Resampling
from aher_lightning.ops.segments import clip_segments, normalize_segments
from aher_lightning.structures import Categories, Detections, MomentBatch, SnippetSequences, UntrimmedBatch


class TrainingBatch(TypedDict):
    """The three parts of a training batch, as the combined loader delivers them."""

    untrimmed: UntrimmedBatch
    foreground: MomentBatch
    moments: MomentBatch


class PhasedModule(BaseModule):
    """A localization network trained by phases that alternate within every iteration.

    Batch normalization of the backbone always uses its running statistics: the batches of the three
    loaders differ too much to share batch statistics.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: The localization network.
        loss: Localization loss; the default one if not given.
        decoder: Makes detections of the network's outputs; if not given, the default one with the loss's scales.
        phases: The phases, in order.
        initial_weights: Checkpoints whose backbone and network to start from.
        seed: Seed of all random choices during training.
        resampling: How features are brought to the network's length; the default if not given.

    Raises:
        CheckpointError: If initial weights do not fit.
        ConfigError: If loss and decoder scale offsets differently.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: AherNet,
        loss: LocalizationLoss | None,
        decoder: DetectionDecoder | None,
        phases: Sequence[Phase],
        initial_weights: Sequence[Path],
        seed: int,
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__(
            categories,
            backbone=backbone,
            initial_weights=initial_weights,
            seed=seed,
            resampling=resampling,
        )
        self.automatic_optimization = False
        self.network = network
        self.loss = loss or LocalizationLoss()
        self.decoder = decoder or DetectionDecoder(
            centre_scale=self.loss.centre_scale, width_scale=self.loss.width_scale
        )
        _check_scales(self.loss, self.decoder)
        self.phases = list(phases)
        self.load_initial_weights(("backbone", "network"))

    @property
    def trains_backbone(self) -> bool:
        """Whether gradients of the localization losses reach the backbone."""
        return any("backbone" in phase.groups for phase in self.phases)

    @abstractmethod
    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Run the phases of one iteration."""

    def parameter_group(self, name: str) -> list[nn.Parameter]:
        """Return the parameters of a group, of the network or the whole backbone.

        Args:
            name: "backbone", or a group of the network.

        Returns:
            The parameters.
        """
        return list(self.backbone.parameters()) if name == "backbone" else self.network.parameter_group(name)

    def phase_parameters(self, phase: Phase) -> list[nn.Parameter]:
        """Return the parameters that a phase changes, in order of its groups."""
        return [parameter for group in phase.groups for parameter in self.parameter_group(group)]

    def detect(self, snippets: SnippetSequences, durations_sec: Tensor) -> list[Detections]:
        """Localize actions; see :meth:`BaseModule.detect`."""
        outputs = self.network(self.encode(snippets, self.network.length), self.categories.evaluated)
        return self.decoder(outputs, self.network.anchors, durations_sec)

    def iteration_data(self, batch: TrainingBatch) -> IterationData:
        """Encode the three parts of a batch; only untrimmed videos may carry gradients into the backbone.

        Args:
            batch: Batch of the current iteration.

        Returns:
            Features and labels for the phases.

        Raises:
            ConfigError: If the batch belongs to another iteration than the one to run.
        """
        untrimmed, foreground, moments = batch["untrimmed"], batch["foreground"], batch["moments"]
        self.check_iteration(untrimmed.iteration)
        segments = normalize_segments(untrimmed.segments_sec, untrimmed.durations_sec)
        with torch.set_grad_enabled(self.trains_backbone):
            untrimmed_features = self.encode(untrimmed.snippets, self.network.length)
        with torch.no_grad():
            return IterationData(
                untrimmed=untrimmed_features,
                segments=clip_segments(segments, 0.0, 1.0).to(untrimmed_features.dtype),
                segment_labels=untrimmed.labels,
                foreground=self.encode(foreground.snippets, self.network.length),
                foreground_labels=foreground.labels,
                moments=self.encode(moments.snippets, self.network.moment_length),
                moment_labels=moments.labels,
                generator=random_generator(self.seed, "phases", self.iteration, self.global_rank),
            )

    def run_phase(self, phase: Phase, data: IterationData) -> None:
        """Take one optimizer step of a phase and log its losses.

        Args:
            phase: One of ``phases``.
            data: Features and labels of the iteration.
        """
        position = self.phases.index(phase)
        optimizer = cast("list[LightningOptimizer]", self.optimizers(use_pl_optimizer=True))[position]
        with self.toggled_optimizer(optimizer):
            losses = phase.losses(self.network, self.loss, data)
            total = torch.stack(list(losses.values())).sum()
            optimizer.zero_grad()
            self.manual_backward(total)
            if phase.clip_norm > 0:
                nn.utils.clip_grad_norm_(self.phase_parameters(phase), phase.clip_norm)
            optimizer.step()
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        self.log(f"train/{phase.name}", total.detach(), prog_bar=True)

    def finish_iteration(self) -> None:
        """Step the schedules and count the iteration."""
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()  # type: ignore[call-arg]  # plateau schedules are no schedules by iteration
        super().finish_iteration()

    # Lightning's hooks

    def configure_optimizers(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Make one optimizer, and its schedule, for each phase."""
        configured: list[dict[str, Any]] = []
        for phase in self.phases:
            optimizer = phase.optimizer(self.phase_parameters(phase))
            configured.append({"optimizer": optimizer})
            if phase.scheduler is not None:
                configured[-1]["lr_scheduler"] = phase.scheduler(optimizer)
        return configured

    def on_train_start(self) -> None:
        """Fix the statistics of the backbone; Lightning leaves modes as it finds them, without calling train()."""
        self.backbone.eval()

    def train(self, mode: bool = True) -> PhasedModule:
        """Switch to training mode, all but the backbone."""
        super().train(mode)
        self.backbone.eval()
        return self


def _check_scales(loss: LocalizationLoss, decoder: DetectionDecoder) -> None:
    """Refuse a decoder that reads offsets in another unit than the loss taught."""
    for name in ("centre_scale", "width_scale"):
        taught, read = getattr(loss, name), getattr(decoder, name)
        if taught != read:
            raise ConfigError(f"{name} is {taught} in the loss and {read} in the decoder; set both to the same value")
