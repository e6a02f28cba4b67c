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

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY, added_categories, count_added_rows, drop_added
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.models.aher_net import REPLACEABLE_PARTS, AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.models.feature_bank import FeatureBank
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.gradient_sync import average_gradients_over_processes
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.nan_guard import Batch, check_losses_over_processes
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phase_optimizer import PhaseOptimizer, make_phase_optimizers
from aher_lightning.ops.precision import fresh_casts
from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.resample import Resampling
from aher_lightning.ops.segments import clip_segments, normalize_segments
from aher_lightning.structures import (
    Candidates,
    Categories,
    Detections,
    LabelledClips,
    LabelledVideos,
    MomentBatch,
    SnippetSequences,
    UntrimmedBatch,
)

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
        loss: Classification loss of cells; the default one if not given.
        decoder: Makes detections of the network's outputs; the default one if not given.
        optimizer: Makes the optimizers of phases that name none; Adam at the paper's 0.0001 if not given.
        scheduler: Makes their learning-rate schedules, stepped once per iteration; rates are constant if not given.
        phases: The phases, in order; disabled ones are left out.
        initial_weights: Checkpoints whose backbone and network to start from.
        seed: Seed of all random choices during training.
        resampling: How features are brought to the network's length; the default if not given.

    Raises:
        CheckpointError: If initial weights do not fit.
        ConfigError: If a phase cannot train the network.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        network: AherNet,
        loss: CellClassificationLoss | None,
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
        self.loss = loss or CellClassificationLoss()
        self.decoder = decoder or DetectionDecoder()
        self.optimizer = optimizer or partial(torch.optim.Adam, lr=PAPER_LEARNING_RATE)
        self.scheduler = scheduler
        self.phases = [phase for phase in phases if phase.enabled]
        self._phase_optimizers: list[PhaseOptimizer] = []
        self._batch: Batch = {}
        self._random_state: Tensor | None = None
        for phase in self.phases:
            phase.check(network)
        _check_backbone_steps(self.phases)
        self.load_initial_weights(("backbone", "network"), REPLACEABLE_PARTS)

    @property
    def feature_bank(self) -> FeatureBank | None:
        """Snippet features of the last moments and untrimmed videos; ``None`` if no phase keeps any."""
        return next((phase.feature_bank for phase in self.phases if phase.feature_bank is not None), None)

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

    def candidates(self, snippets: SnippetSequences) -> Candidates:
        """Return a candidate for each prediction of the head; see :meth:`BaseModule.candidates`."""
        outputs = self.network(self.encode(snippets, self.network.length), self.categories.evaluated)
        return self.decoder.candidates(outputs, self.network.head)

    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Return what the decoder selects; see :meth:`BaseModule.select`."""
        return self.decoder.select(candidates, durations_sec, num_windows)

    def shortlist(self, candidates: Candidates) -> Candidates:
        """Return what the decoder would keep of each window; see :meth:`BaseModule.shortlist`."""
        return self.decoder.shortlist(candidates)

    def iteration_data(self, batch: TrainingBatch) -> IterationData:
        """Encode the parts of a batch, for the phases and for the feature bank.

        Only untrimmed videos may carry gradients into the backbone.

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
        with torch.no_grad():
            return IterationData(
                random_generator(self.seed, "phases", self.iteration, 0),  # the same on all processes, see batch_slice
                untrimmed=untrimmed,
                foreground=self._encode_foregrounds(batch["foreground"]) if "foreground" in batch else None,
                moments=self._encode_moments(batch["moments"]) if "moments" in batch else None,
            )

    def _encode_videos(self, batch: UntrimmedBatch) -> LabelledVideos:
        """Features and normalized ground truth of untrimmed videos, which the feature bank keeps."""
        snippets = batch.snippets._replace(values=self.snippet_features(batch.snippets.values))
        features = self.resample(snippets, self.network.length)
        segments = clip_segments(normalize_segments(batch.segments_sec, batch.durations_sec), 0.0, 1.0)
        segments = segments.to(features.dtype)
        if self.feature_bank is not None:
            self.feature_bank.add_videos(snippets, segments, batch.labels)
        return LabelledVideos(features, segments, batch.labels, snippets.durations)

    def _encode_foregrounds(self, batch: MomentBatch) -> LabelledClips:
        """Features of foreground segments."""
        return LabelledClips(self.encode(batch.snippets, self.network.length), batch.labels, batch.snippets.durations)

    def _encode_moments(self, batch: MomentBatch) -> LabelledClips:
        """Features of moments, which the feature bank keeps."""
        snippets = batch.snippets._replace(values=self.snippet_features(batch.snippets.values))
        if self.feature_bank is not None:
            self.feature_bank.add_moments(snippets, batch.labels)
        return LabelledClips(self.resample(snippets, self.network.moment_length), batch.labels, snippets.durations)

    def run_phase(self, phase: Phase, data: IterationData) -> None:
        """Take the optimizer steps of a phase and log its losses; a disabled one is skipped.

        Args:
            phase: A phase of this module.
            data: Features and labels of the iteration.
        """
        if not phase.enabled:
            return
        if "backbone" not in phase.groups:
            data = data.without_graph()  # the one phase that teaches the backbone may come before or after
        for _ in range(phase.steps):
            losses = self._step(phase, data)
            self.log_dict({f"train/{name}": value for name, value in {**losses, **phase.observed}.items()})
            self.log(f"train/{phase.name}", torch.stack(list(losses.values())).sum(), prog_bar=True)

    def _step(self, phase: Phase, data: IterationData) -> dict[str, Tensor]:
        """Take one step with each optimizer of a phase; return the losses without graph."""
        optimizers = self._optimizers_of(phase)
        _, first = optimizers[0]
        self._random_state = data.generator.get_state()
        with fresh_casts(), self.toggled_optimizer(first):
            if phase.in_turn:
                losses = {}
                for own, optimizer in optimizers:
                    (name,) = own.loss_names
                    losses[name] = phase.single_loss(name, self.network, self.loss, data)
                    self._check(phase, {name: losses[name]})
                    self._take_steps([(own, optimizer)], losses)
            else:
                losses = phase.losses(self.network, self.loss, data)
                self._check(phase, losses)
                self._take_steps(optimizers, losses)
            first.zero_grad()
        return {name: value.detach() for name, value in losses.items()}

    def _check(self, phase: Phase, losses: Mapping[str, Tensor]) -> None:
        """Stop where a loss is not finite, before it spoils any weight."""
        check_losses_over_processes(self, phase.name, losses, self._batch, self._random_state)

    def _take_steps(
        self, optimizers: Sequence[tuple[PhaseOptimizer, LightningOptimizer]], losses: Mapping[str, Tensor]
    ) -> None:
        """Take all gradients, then a step with each optimizer."""
        scale = self._loss_scale()
        last = optimizers[-1][0]
        gradients = [self._gradients(own, losses, keep_graph=own is not last) for own, _ in optimizers]
        for (own, optimizer), values in zip(optimizers, gradients, strict=True):
            # The step before may have changed the scale that this one takes out of its gradients.
            change = self._loss_scale() / scale
            for parameter, gradient in zip(own.parameters, values, strict=True):
                parameter.grad = gradient if gradient is None or change == 1 else gradient * change
            optimizer.step()

    def _gradients(self, own: PhaseOptimizer, losses: Mapping[str, Tensor], *, keep_graph: bool) -> list[Tensor | None]:
        """Gradients for one optimizer, averaged over processes."""
        for parameter in own.parameters:
            parameter.grad = None
        # Lightning would send the gradients of all parameters, of other phases too.
        with self._without_sync():
            self.manual_backward(own.objective(losses), retain_graph=keep_graph)
        average_gradients_over_processes(own.parameters)
        if own.clip_norm > 0:
            nn.utils.clip_grad_norm_(own.parameters, own.clip_norm * self._loss_scale())
        return [parameter.grad for parameter in own.parameters]

    def _without_sync(self) -> AbstractContextManager[None]:
        """Keep the strategy from exchanging gradients."""
        strategy = self.trainer.strategy
        return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()

    def _loss_scale(self) -> float:
        """By how much float16 training enlarges gradients until the optimizer steps; 1 in any other precision."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return 1.0 if scaler is None else float(scaler.get_scale())

    def _optimizers_of(self, phase: Phase) -> list[tuple[PhaseOptimizer, LightningOptimizer]]:
        """The optimizers of a phase, each with what Lightning made of it."""
        wrapped = cast("list[LightningOptimizer]", self.optimizers(use_pl_optimizer=True))
        wrapped = wrapped if isinstance(wrapped, list) else [wrapped]
        return [pair for pair in zip(self._phase_optimizers, wrapped, strict=True) if pair[0].phase is phase]

    def finish_iteration(self) -> None:
        """Step the schedules and count the iteration."""
        schedulers = self.lr_schedulers() or []
        for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
            scheduler.step()  # type: ignore[call-arg]  # plateau schedules are no schedules by iteration
        super().finish_iteration()

    # Lightning's hooks

    def configure_optimizers(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Make the optimizers of each phase and their schedules."""
        self._phase_optimizers = [
            made
            for phase in self.phases
            for made in make_phase_optimizers(phase, self.phase_parameters(phase), self.optimizer, self.scheduler)
        ]
        return [made.configuration() for made in self._phase_optimizers]

    def on_train_start(self) -> None:
        """Fix the statistics of the backbone; Lightning leaves modes as it finds them, without calling train()."""
        self.backbone.eval()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the feature bank."""
        super().on_save_checkpoint(checkpoint)
        bank = self.feature_bank
        if bank is not None and (bank.num_moments or bank.num_videos):
            checkpoint[STATE_KEY][FEATURE_BANK_KEY] = bank.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Make room for added categories, and restore the feature bank.

        Added categories that the data does not have are left out, as if they had never been added.
        """
        if checkpoint.get(STATE_KEY, {}).get("added"):
            self._hold_added(checkpoint)
        super().on_load_checkpoint(checkpoint)
        bank = checkpoint[STATE_KEY].get(FEATURE_BANK_KEY)
        if bank is not None and self.feature_bank is not None:
            self.feature_bank.load(bank)

    def _hold_added(self, checkpoint: dict[str, Any]) -> None:
        """Give the network the shape of a checkpoint with added categories."""
        if self._trainer is not None and self._trainer.state.fn == TrainerFn.FITTING:
            raise CheckpointError(
                "the checkpoint has added categories, and training cannot resume with them: remove them by "
                "'aher remove-category', or resume from the checkpoint that they were added to"
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


def _check_backbone_steps(phases: Sequence[Phase]) -> None:
    """Refuse to go back through the backbone more than once: its features are computed once per iteration."""
    learning = [phase for phase in phases if "backbone" in phase.groups]
    if sum(phase.steps for phase in learning) > 1 or any(phase.in_turn for phase in learning):
        names = " and ".join(f"'{phase.name}'" for phase in learning)
        raise ConfigError(
            f"the backbone can learn in one step of one phase, not in turn, but is in the groups of {names} "
            f"with {sum(phase.steps for phase in learning)} steps; leave it to one step of one phase"
        )
