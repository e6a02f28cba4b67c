"""Manual optimization in phases: one optimizer each, iterations counted here, resumable to the bit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.strategies import ParallelStrategy
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from aher_lightning.checkpoints.added_categories import MEMORY_KEY, added_categories, count_added_rows, drop_added
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.feature_bank import FeatureBank
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.gradient_sync import average_gradients
from aher_lightning.modules.iteration_data import IterationData, LabelledClips, LabelledVideos
from aher_lightning.modules.nan_guard import Batch, check_losses
from aher_lightning.modules.phase import Phase
from aher_lightning.ops.precision import fresh_casts
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.resample import Resampling
from aher_lightning.ops.segments import clip_segments, normalize_segments
from aher_lightning.structures import Categories, Detections, MomentBatch, SnippetSequences, UntrimmedBatch

PAPER_LEARNING_RATE = 1e-4
"""Initial learning rate of section 4.2."""


class TrainingBatch(TypedDict, total=False):
    """The parts of a training batch, as the combined loader delivers them; a data module may leave parts out."""

    untrimmed: UntrimmedBatch
    foreground: MomentBatch
    moments: MomentBatch


class PhasedModule(BaseModule):
    """A localization network trained by phases that alternate within every iteration.

    Batch normalization of the backbone always uses its running statistics: the batches of the three
    loaders differ too much to share batch statistics. Under mixed precision networks compute in half precision;
    losses, segments and scores stay in single precision.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features.
        network: The localization network.
        loss: Localization loss; the default one if not given.
        decoder: Makes detections of the network's outputs; if not given, the default one with the loss's scales.
        optimizer: Makes the optimizers of phases that name none; Adam at the paper's 0.0001 if not given.
        scheduler: Makes their learning-rate schedules, stepped once per iteration; rates are constant if not given.
        phases: The phases, in order; those of no steps are left out.
        initial_weights: Checkpoints whose backbone and network to start from.
        seed: Seed of all random choices during training.
        resampling: How features are brought to the network's length; the default if not given.

    Raises:
        CheckpointError: If initial weights do not fit.
        ConfigError: If loss and decoder scale offsets differently, or a phase cannot train the network.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: AherNet,
        loss: LocalizationLoss | None,
        decoder: DetectionDecoder | None,
        optimizer: OptimizerCallable | None,
        scheduler: LRSchedulerCallable | None,
        phases: Sequence[Phase],
        initial_weights: Sequence[Path],
        seed: int,
        resampling: Resampling | None,
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
        self.optimizer = optimizer or partial(torch.optim.Adam, lr=PAPER_LEARNING_RATE)
        self.scheduler = scheduler
        self.phases = [phase for phase in phases if phase.steps]
        self._batch: Batch = {}
        self._random_state: Tensor | None = None
        for phase in self.phases:
            phase.check(network)
        _check_backbone_steps(self.phases)
        self.load_initial_weights(("backbone", "network"))

    @property
    def feature_bank(self) -> FeatureBank | None:
        """The moments that recognition has seen last; nothing where no phase remembers any."""
        return next((phase.memory for phase in self.phases if phase.memory is not None), None)

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
        """Encode the parts of a batch; only untrimmed videos may carry gradients into the backbone.

        Args:
            batch: Batch of the current iteration.

        Returns:
            Features and labels for the phases.

        Raises:
            ConfigError: If the batch belongs to another iteration than the one to run.
        """
        self._batch = cast("dict[str, UntrimmedBatch | MomentBatch]", batch)
        for part in self._batch.values():
            self.check_iteration(part.iteration)
        with torch.set_grad_enabled(self.trains_backbone):
            untrimmed = self._encode_videos(batch["untrimmed"]) if "untrimmed" in batch else None
        length, moment_length = self.network.length, self.network.moment_length
        with torch.no_grad():
            return IterationData(
                random_generator(self.seed, "phases", self.iteration, 0),  # the same on all processes, see batch_slice
                untrimmed=untrimmed,
                foreground=self._encode_clips(batch["foreground"], length) if "foreground" in batch else None,
                moments=self._encode_clips(batch["moments"], moment_length) if "moments" in batch else None,
            )

    def _encode_videos(self, batch: UntrimmedBatch) -> LabelledVideos:
        """Features and normalized ground truth of untrimmed videos."""
        features = self.encode(batch.snippets, self.network.length)
        segments = normalize_segments(batch.segments_sec, batch.durations_sec)
        return LabelledVideos(features, clip_segments(segments, 0.0, 1.0).to(features.dtype), batch.labels)

    def _encode_clips(self, batch: MomentBatch, length: int) -> LabelledClips:
        """Features of trimmed clips."""
        return LabelledClips(self.encode(batch.snippets, length), batch.labels)

    def run_phase(self, phase: Phase, data: IterationData) -> None:
        """Take the optimizer steps of a phase and log its losses.

        Args:
            phase: A phase of this module.
            data: Features and labels of the iteration.
        """
        if "backbone" not in phase.groups:
            data = data.without_graph()  # the one phase that teaches the backbone may come before or after
        for _ in range(phase.steps):
            losses = self._step(phase, data)
            self.log_dict({f"train/{name}": value for name, value in {**losses, **phase.observed}.items()})
            self.log(f"train/{phase.name}", torch.stack(list(losses.values())).sum(), prog_bar=True)

    def _step(self, phase: Phase, data: IterationData) -> dict[str, Tensor]:
        """Take one step with each optimizer of a phase; return the losses without graph."""
        optimizers = self._phase_optimizers(phase)
        self._random_state = data.generator.get_state()
        with fresh_casts(), self.toggled_optimizer(optimizers[0]):
            if phase.in_turn:
                losses = {}
                for name, optimizer in zip(phase.loss_names, optimizers, strict=True):
                    losses[name] = phase.single_loss(name, self.network, self.loss, data)
                    self._check(phase, {name: losses[name]})
                    self._take_steps(phase, [optimizer], [losses[name]])
            else:
                losses = phase.losses(self.network, self.loss, data)
                self._check(phase, losses)
                values = list(losses.values())
                self._take_steps(phase, optimizers, values if phase.optimizer_per_loss else [torch.stack(values).sum()])
            optimizers[0].zero_grad()
        return {name: value.detach() for name, value in losses.items()}

    def _check(self, phase: Phase, losses: Mapping[str, Tensor]) -> None:
        """Stop where a loss is not finite, before it spoils any weight."""
        check_losses(self, phase.name, losses, self._batch, self._random_state)

    def _take_steps(self, phase: Phase, optimizers: Sequence[LightningOptimizer], objectives: Sequence[Tensor]) -> None:
        """Take all gradients, then a step with each optimizer."""
        parameters, scale = self.phase_parameters(phase), self._loss_scale()
        gradients = [
            self._gradients(objective, parameters, phase.clip_norm, keep_graph=objective is not objectives[-1])
            for objective in objectives
        ]
        for optimizer, own in zip(optimizers, gradients, strict=True):
            # The step before may have changed the scale that this one takes out of its gradients.
            change = self._loss_scale() / scale
            for parameter, gradient in zip(parameters, own, strict=True):
                parameter.grad = gradient if gradient is None or change == 1 else gradient * change
            optimizer.step()

    def _gradients(
        self, objective: Tensor, parameters: Sequence[nn.Parameter], clip_norm: float, *, keep_graph: bool
    ) -> list[Tensor | None]:
        """Gradients of one objective, averaged over processes."""
        for parameter in parameters:
            parameter.grad = None
        # Lightning would send the gradients of all parameters, of other phases too.
        with self._without_sync():
            self.manual_backward(objective, retain_graph=keep_graph)
        average_gradients(parameters)
        if clip_norm > 0:
            nn.utils.clip_grad_norm_(parameters, clip_norm * self._loss_scale())
        return [parameter.grad for parameter in parameters]

    def _without_sync(self) -> AbstractContextManager[None]:
        """Keep the strategy from exchanging gradients by itself."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()

    def _loss_scale(self) -> float:
        """By how much float16 training enlarges gradients until the optimizer steps; 1 in any other precision."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return 1.0 if scaler is None else float(scaler.get_scale())

    def _phase_optimizers(self, phase: Phase) -> list[LightningOptimizer]:
        """The optimizers of a phase, in the order in which :meth:`configure_optimizers` makes them."""
        everything = cast("list[LightningOptimizer]", self.optimizers(use_pl_optimizer=True))
        everything = everything if isinstance(everything, list) else [everything]
        before = self.phases[: self.phases.index(phase)]
        first = sum(_num_optimizers(one) for one in before)
        return everything[first : first + _num_optimizers(phase)]

    def finish_iteration(self) -> None:
        """Step the schedules and count the iteration."""
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()  # type: ignore[call-arg]  # plateau schedules are no schedules by iteration
        super().finish_iteration()

    # Lightning's hooks

    def configure_optimizers(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Make the optimizers of each phase and their schedules."""
        configured: list[dict[str, Any]] = []
        for phase in self.phases:
            parameters = self.phase_parameters(phase)
            if not any(parameter.requires_grad for parameter in parameters):
                groups = ", ".join(phase.groups)
                raise ConfigError(
                    f"phase '{phase.name}' changes nothing: there are no parameters to train in {groups}; "
                    "give the phase other 'groups', or leave it out by 'steps: 0'"
                )
            make_schedule = phase.scheduler or self.scheduler
            for _ in range(_num_optimizers(phase)):
                optimizer = (phase.optimizer or self.optimizer)(parameters)
                configured.append({"optimizer": optimizer})
                if make_schedule is not None:
                    configured[-1]["lr_scheduler"] = make_schedule(optimizer)
        return configured

    def on_train_start(self) -> None:
        """Fix the statistics of the backbone; Lightning leaves modes as it finds them, without calling train()."""
        self.backbone.eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the moments that recognition has seen last."""
        super().on_save_checkpoint(checkpoint)
        if self.feature_bank:
            checkpoint[STATE_KEY][MEMORY_KEY] = self.feature_bank.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make room for added categories, and remember the moments of the checkpoint.

        Added categories that the data does not have are left out, as if they had never been added.
        """
        if checkpoint.get(STATE_KEY, {}).get("added"):
            self._hold_added(checkpoint)
        super().on_load_checkpoint(checkpoint)
        memory = checkpoint[STATE_KEY].get(MEMORY_KEY)
        if memory is not None and self.feature_bank is not None:
            self.feature_bank.load(memory)

    def _hold_added(self, checkpoint: dict[str, Any]) -> None:
        """Give the network the shape of a checkpoint with added categories."""
        if self._trainer is not None and self._trainer.state.fn == TrainerFn.FITTING:
            raise CheckpointError(
                "the checkpoint has added categories, and training cannot go on with them: remove them by "
                "'aher remove-category', or go on from the checkpoint that they were added to"
            )
        drop_added(checkpoint, {one.name for one in added_categories(checkpoint)} - set(self.categories.moment))
        added = added_categories(checkpoint)
        if added and checkpoint[STATE_KEY]["categories"]["moment"] == self.categories.moment:
            self.network.resize_for_added(count_added_rows(checkpoint), len(added))

    def train(self, mode: bool = True) -> PhasedModule:
        """Switch to training mode, all but the backbone."""
        super().train(mode)
        self.backbone.eval()
        return self


def _num_optimizers(phase: Phase) -> int:
    """How many optimizers a phase has."""
    return len(phase.loss_names) if phase.optimizer_per_loss else 1


def _check_backbone_steps(phases: Sequence[Phase]) -> None:
    """Refuse to go back through the backbone more than once: its features are computed once per iteration."""
    learning = [phase for phase in phases if "backbone" in phase.groups]
    if sum(phase.steps for phase in learning) > 1 or any(phase.in_turn for phase in learning):
        names = " and ".join(f"'{phase.name}'" for phase in learning)
        raise ConfigError(
            f"the backbone can learn in one step of one phase, not in turn, but is in the groups of {names} "
            f"with {sum(phase.steps for phase in learning)} steps; leave it to one step of one phase"
        )


def _check_scales(loss: LocalizationLoss, decoder: DetectionDecoder) -> None:
    """Refuse a decoder that reads offsets in another unit than the loss taught."""
    for name in ("centre_scale", "width_scale"):
        taught, read = getattr(loss, name), getattr(decoder, name)
        if taught != read:
            raise ConfigError(f"{name} is {taught} in the loss and {read} in the decoder; set both to the same value")
