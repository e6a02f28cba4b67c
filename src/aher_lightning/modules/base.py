"""What all modules share: categories, encoding of snippets, evaluation, and checkpoint content."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor, nn

from aher_lightning import __version__
from aher_lightning.checkpoints.added_categories import added_categories, drop_added
from aher_lightning.checkpoints.content import STATE_KEY, check_architecture, load_submodule
from aher_lightning.checkpoints.pretrained_folder import is_own, read_trained
from aher_lightning.checkpoints.stored_backbone import omit_backbone, restore_backbone, store_options
from aher_lightning.errors import CheckpointError, ConfigError, ContractError, DataError
from aher_lightning.models.backbones.own_weights import loads_weights
from aher_lightning.models.base import Backbone, ReadsPublicWeights
from aher_lightning.modules.attached_data import AttachedData
from aher_lightning.modules.detection_metrics import DetectionMetrics
from aher_lightning.modules.provenance import check_backbone, check_maker, made_by
from aher_lightning.modules.windowed_detection import any_longer, detect_in_windows
from aher_lightning.ops.precision import to_float32
from aher_lightning.ops.randomness import key_seed
from aher_lightning.ops.resample import Resampling, resample_sequences
from aher_lightning.structures import (
    AddedCategory,
    Candidates,
    Categories,
    Detections,
    SnippetSequences,
    UntrimmedBatch,
)
from aher_lightning.video.clips import normalize_clips
from aher_lightning.video.contract import GRID, PROVENANCE, TemporalContract

_LOG = logging.getLogger(__name__)

_OF_SEQUENCES = "network"
"""Name of the sub-module that sees snippets in a row; all others see one at a time, whatever grid it is on."""


class EvaluationOutput(NamedTuple):
    """What evaluation steps return: names of videos, their positions in the data set, detections in seconds."""

    video_ids: list[str]
    positions: list[int]
    detections: list[Detections]


class BaseModule(pl.LightningModule, ABC):
    """A module with categories, a temporal contract, and evaluation of its detections.

    Args:
        categories: The two category sets.
        backbone: Computes features of pixels; unused on cached features but part of every checkpoint, so that the
            checkpoint alone can localize actions in a video file.
        initial_weights: Checkpoints or exported folders to initialize the backbone, and the network if they have one,
            from; public weights of the backbone too, see :class:`~aher_lightning.models.base.ReadsPublicWeights`.
        seed: Seed of all random choices during training.
        resampling: How features are resampled to a fixed length; the default if not given.

    Attributes:
        contract: How frames become snippets; set by the data or a checkpoint.
        window_sec: The 90 % quantile of the length of training videos in seconds; localization cuts longer videos into
            windows of this length. Set by training on videos.
        evaluation_window_sec: Length of the windows that longer videos are evaluated in, or ``None``; set by the data.
        iteration: Finished training iterations.
        configuration: Class path and arguments of this module, so that a checkpoint can rebuild it.
        omits_backbone: Whether checkpoints leave out backbone weights that can be fetched by name.
        added: The moment categories added after training, the last ones of ``categories.moment``.
        depends_on_grid: Whether what it has learned belongs to the snippet grid of its training; False for a class
            whose weights see one snippet at a time.
    """

    depends_on_grid: ClassVar[bool] = True

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__()
        self.categories = categories
        self.backbone = backbone
        self.initial_weights = [Path(path) for path in initial_weights]
        self.seed = seed
        self.resampling = resampling or Resampling()
        self.contract: TemporalContract | None = None
        self.window_sec: float | None = None
        self.evaluation_window_sec: float | None = None
        self.iteration = 0
        self.configuration: dict[str, Any] = {}
        self.added: list[AddedCategory] = []
        self.omits_backbone = False
        self._initial_network: tuple[Path, TemporalContract] | None = None
        self.validation_metrics = DetectionMetrics("val", categories)
        self.test_metrics = DetectionMetrics("test", categories)

    @abstractmethod
    def candidates(self, snippets: SnippetSequences) -> Candidates:
        """Return scored segments of B whole videos, or windows of videos, labels indexing ``categories.names``."""

    @abstractmethod
    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Return detections in seconds, best first, given the durations of B videos ``(B,)``.

        Candidates may come from several windows of a video, see :meth:`shortlist`; then repetitions across windows are
        suppressed, and more detections kept.

        Args:
            candidates: Candidates of whole videos.
            durations_sec: Durations in seconds, shape ``(B,)``.
            num_windows: Length of the videos in windows.
        """

    def shortlist(self, candidates: Candidates) -> Candidates:
        """Return the candidates of each window that :meth:`select` needs; all of them unless overridden."""
        return candidates

    def detect(
        self, snippets: SnippetSequences, durations_sec: Tensor, window_sec: float | None = None
    ) -> list[Detections]:
        """Localize actions in B whole videos.

        Args:
            snippets: Their snippets.
            durations_sec: Their durations in seconds ``(B,)``.
            window_sec: Length in seconds of the windows of longer videos; ``None`` localizes them as a whole.

        Returns:
            One entry per video, in seconds, labels indexing ``categories.names``.
        """
        if not any_longer(durations_sec, window_sec):
            return self.select(self.candidates(snippets), durations_sec)
        encoded = snippets._replace(values=self.snippet_features(snippets.values))  # overlaps are encoded once
        return [detect_in_windows(self, *one, window_sec) for one in zip(encoded.split(), durations_sec, strict=True)]

    def detect_in_batch(self, batch: UntrimmedBatch) -> list[Detections]:
        """Localize actions in a batch; subclasses whose detections depend on the video's name override this."""
        return self.detect(batch.snippets, batch.durations_sec, self.evaluation_window_sec)

    def snippet_features(self, values: Tensor, augmentation: nn.Module | None = None) -> Tensor:
        """Return features of snippets ``(N, C)``, float32 even under mixed precision.

        The backbone normalizes and augments the pixels of a few clips at a time; the rest stays uint8.

        Args:
            values: Pixel clips ``(N, 3, F, H, W)`` uint8, or cached features ``(N, C)``.
            augmentation: Applied to normalized clips before the backbone.

        Raises:
            ContractError: If cached features differ in size from the backbone's.
        """
        if values.ndim > 2:
            contract = self.require_contract()

            def prepare(clips: Tensor) -> Tensor:
                normalized = normalize_clips(clips, contract.mean, contract.std)
                return normalized if augmentation is None else cast("Tensor", augmentation(normalized))

            return to_float32(self.backbone.encode_pixels(values, prepare))
        if values.shape[1] != self.backbone.out_channels:
            raise ContractError(
                f"features have {values.shape[1]} channels and the backbone {self.backbone.out_channels}; "
                "extract them with this backbone or configure the one they were extracted with"
            )
        return values.float()

    def encode(self, snippets: SnippetSequences, length: int) -> Tensor:
        """Return feature sequences ``(B, C, T)`` of B videos or moments, T being ``length``."""
        return self.resample(snippets._replace(values=self.snippet_features(snippets.values)), length)

    def resample(self, snippets: SnippetSequences, length: int) -> Tensor:
        """Return snippet features ``(sum N, C)`` as feature sequences ``(B, C, T)``, T being ``length``."""
        return resample_sequences(*snippets, length, self.resampling)

    def require_contract(self) -> TemporalContract:
        """Return the temporal contract; ContractError if neither data nor a checkpoint has set one."""
        if self.contract is None:
            raise ContractError("no temporal contract yet: attach a data module or load a checkpoint")
        return self.contract

    def load_initial_weights(
        self, submodules: Sequence[str] = ("backbone",), replaceable: Collection[str] = ()
    ) -> None:
        """Initialize the backbone from the weights that it brings, and sub-modules from ``initial_weights`` in order.

        A file not written by this package is read as public weights of the backbone, if the backbone reads any.

        Args:
            submodules: What to initialize.
            replaceable: Parts of the network that start with new weights, with a warning, where the checkpoint has
                other ones or, for classifiers, other categories.

        Raises:
            CheckpointError: If a checkpoint has none of the sub-modules, or another architecture.
        """
        if loads_weights():
            self.backbone.load_own_weights()
        for path in self.initial_weights:
            if isinstance(self.backbone, ReadsPublicWeights) and not is_own(path):
                self.backbone.load_public_weights(path)
                continue
            checkpoint = read_trained(path)
            # Training covers the trained categories alone.
            drop_added(checkpoint, [one.name for one in added_categories(checkpoint)])
            weights = checkpoint["state_dict"]
            others = self._classifiers_of_others(checkpoint[STATE_KEY]["categories"])
            found = [
                load_submodule(self.get_submodule(name), weights, name, path, replaceable=replaceable, others=others)
                for name in submodules
            ]
            if not any(found):
                raise CheckpointError(f"{path}: has no weights for {' or '.join(submodules)}; remove it from the list")
            if _OF_SEQUENCES in [name for name, is_there in zip(submodules, found, strict=True) if is_there]:
                contract = checkpoint[STATE_KEY]["contract"]
                self._initial_network = None if contract is None else (path, TemporalContract.from_dict(contract))

    def _classifiers_of_others(self, categories: Mapping[str, Sequence[str]]) -> list[str]:
        """Classifiers of the network whose categories differ from those of a checkpoint."""
        sets = ("untrimmed", "moment")
        return [f"{one}_classifier" for one in sets if list(categories[one]) != getattr(self.categories, one)]

    def check_iteration(self, iteration: int) -> None:
        """Refuse a batch of another iteration than the next; ConfigError."""
        if iteration != self.iteration:
            raise ConfigError(
                f"the data is at iteration {iteration} and the module at {self.iteration}; "
                "use the data module of this package, or restart without 'ckpt_path'"
            )

    def finish_iteration(self) -> None:
        """Count an iteration; called last in ``training_step``, before callbacks may save a checkpoint."""
        self.iteration += 1
        self._log_iteration()

    # Lightning's hooks

    def setup(self, stage: str) -> None:
        """Adopt the contract of the data, and in training the length of its videos."""
        data = cast("AttachedData | None", getattr(self.trainer, "datamodule", None))
        if data is not None:
            self.contract = data.contract
            self.evaluation_window_sec = data.training_window_sec
            if stage == TrainerFn.FITTING:
                self.window_sec = data.window_sec

    def on_fit_start(self) -> None:
        """Refuse features or clips that the backbone does not make or take, and other snippets than a network knows."""
        if self.contract is not None:
            check_backbone(self.contract, self.backbone)
        self._check_initial_network()

    on_validation_start = on_test_start = on_predict_start = on_fit_start

    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """Make every random draw of the iteration a function of (seed, iteration, rank)."""
        torch.manual_seed(key_seed(self.seed, "global", self.iteration, self.global_rank))

    def validation_step(self, batch: UntrimmedBatch, batch_idx: int) -> EvaluationOutput:  # type: ignore[override]
        """Update the validation metrics and return the detections."""
        return self._evaluate(batch, self.validation_metrics)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics."""
        self._log_metrics(self.validation_metrics)

    def test_step(self, batch: UntrimmedBatch, batch_idx: int) -> EvaluationOutput:  # type: ignore[override]
        """Update the test metrics and return the detections."""
        return self._evaluate(batch, self.test_metrics)

    def on_test_epoch_end(self) -> None:
        """Log the test metrics."""
        self._log_metrics(self.test_metrics)

    def predict_step(self, batch: UntrimmedBatch, batch_idx: int) -> EvaluationOutput:
        """Return the detections."""
        return EvaluationOutput(batch.video_ids, batch.positions.tolist(), self.detect_in_batch(batch))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the state needed to rebuild the module and to resume exactly."""
        contract = self.contract
        if contract is not None:
            contract = made_by(contract, self.backbone)
        checkpoint[STATE_KEY] = {
            "configuration": store_options(self.configuration, self.backbone),
            "categories": vars(self.categories),
            "contract": contract.to_dict() if contract is not None else None,
            "window_sec": self.window_sec,
            "iteration": self.iteration,
            "version": __version__,
            "added": [one._asdict() for one in self.added],
        }
        if self.omits_backbone:
            omit_backbone(checkpoint, self.backbone)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the iteration; refuse a checkpoint of other categories or another contract."""
        if STATE_KEY not in checkpoint:
            raise CheckpointError("the checkpoint was not written by this package; give one made by 'aher fit'")
        state = checkpoint[STATE_KEY]
        for name in ("untrimmed", "moment"):
            if state["categories"][name] != getattr(self.categories, name):
                raise CheckpointError(f"the checkpoint was trained for other {name} categories than the data has")
        if "state_dict" in checkpoint:
            restore_backbone(checkpoint, self.backbone, "the checkpoint")
            check_architecture(self, checkpoint["state_dict"], "the checkpoint")
        self.iteration = state["iteration"]
        self.window_sec = self.window_sec or state["window_sec"]
        self.added = added_categories(checkpoint)
        if state["contract"] is not None:
            stored = TemporalContract.from_dict(state["contract"])
            if self.contract is None:
                self.contract = stored
            is_resumed = self._trainer is not None and self._trainer.state.fn == TrainerFn.FITTING
            self.contract.check_compatible(
                stored,
                ignore=PROVENANCE if self.depends_on_grid or is_resumed else (*PROVENANCE, *GRID),
                where=("in the data", "in the checkpoint"),
                remedy="use data or features with the settings of the checkpoint, or train on these",
            )
            check_maker(stored, self.contract, self.backbone)
        self._initial_network = None

    def _check_initial_network(self) -> None:
        """Compare the data with that of the initial network: training may adapt it, evaluation cannot."""
        if self._initial_network is None:
            return
        path, trained = self._initial_network
        is_fitting = self.trainer.state.fn == TrainerFn.FITTING
        remedy = "or ignore this to adapt it" if is_fitting else "or evaluate on data like that of its training"
        try:
            self.require_contract().check_compatible(
                trained,
                ignore=PROVENANCE,
                where=("in the data", "in its training"),
                remedy=f"train the network on such data first, {remedy}",
            )
        except ContractError as difference:
            message = f"network of the initial weights {path}: {difference}"
            if not is_fitting:
                raise ContractError(message) from None
            if self.trainer.is_global_zero:
                _LOG.warning(message)
        if is_fitting:
            self._initial_network = None

    def _evaluate(self, batch: UntrimmedBatch, metrics: DetectionMetrics) -> EvaluationOutput:
        detections = self.detect_in_batch(batch)
        metrics.update(detections, batch)
        return EvaluationOutput(batch.video_ids, batch.positions.tolist(), detections)

    def _log_metrics(self, metrics: DetectionMetrics) -> None:
        self._log_iteration()
        coverage = self._coverage(metrics.count_videos_over_processes())
        if coverage is not None:
            self.log(f"{metrics.prefix}/coverage", coverage, sync_dist=False)
        self.log_dict({key: value.float() for key, value in metrics.compute().items()}, sync_dist=False)
        metrics.reset()

    def _log_iteration(self) -> None:
        """Make finished iterations the loggers' step, which Lightning reads from the metric of this name.

        Its own count is one less, and 0 where a checkpoint is only evaluated.
        """
        if self._trainer is not None and self._trainer.loggers:
            self.log("step", float(self.iteration), sync_dist=False)

    def _coverage(self, evaluated: int) -> float | None:
        """Fraction of the listed evaluation videos that were evaluated; ``None`` if the data does not list any."""
        named: int | None = getattr(getattr(self.trainer, "datamodule", None), "num_evaluation_videos", None)
        if not named:
            return None
        if evaluated == 0:
            raise DataError(f"none of the {named} evaluation videos could be read; repair or replace their files")
        # Training logs the coverage every time, and reports each broken video already.
        if evaluated < named and self.trainer.is_global_zero and self.trainer.state.fn != TrainerFn.FITTING:
            _LOG.warning("evaluated %d of %d videos (%.1f %%)", evaluated, named, 100 * evaluated / named)
        return evaluated / named
