"""Recognition from pixels: a backbone and a classifier per category set, trained on trimmed clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from aher_lightning.losses.reduction import mean_over_processes
from aher_lightning.models.backbones.augmentation import ClipAugmentation
from aher_lightning.models.base import Backbone
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.suppression import HardNMS
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.modules.detection_metrics import ground_truth
from aher_lightning.modules.iteration_data import require_part
from aher_lightning.modules.nan_guard import check_losses_over_processes
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.ops.grouping import group_snippets
from aher_lightning.ops.precision import to_float32
from aher_lightning.structures import Candidates, Categories, Detections, MomentBatch, SnippetSequences, UntrimmedBatch

_SAME_IN_TWO_WINDOWS = 0.7
"""Groups of a long video that overlap a better one by a larger tIoU are taken for the same group in two windows."""


class SnippetClassifierModule(BaseModule):
    """Train a backbone to recognize the actions of moments and foreground segments, snippet by snippet.

    Takes the place of the paper's pre-training on Kinetics: it trains the backbone that extracts features.
    Validation reports the accuracy on cropped instances.

    Args:
        categories: The two category sets.
        backbone: Computes features of pixels; trained here.
        optimizer: Makes the optimizer.
        scheduler: Makes the learning-rate schedule, stepped once per iteration.
        dropout: Probability of dropping a feature before the classifiers.
        joint_softmax: Train with one softmax over both category sets instead of one each: a clip then learns from the
            categories of the other set too, as examples of what it does not show. Evaluation and detection compare the
            evaluated categories only, in either case.
        augmentation: Random augmentation of training clips; the default if not given.
        thresholds: Scores above which consecutive snippets are grouped to a detection.
        max_detections: Detections kept per video.
        initial_weights: Checkpoints whose backbone to start from.
        seed: Seed of all random choices during training.
    """

    depends_on_grid = False

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        dropout: float = 0.5,
        joint_softmax: bool = False,
        augmentation: ClipAugmentation | None = None,
        thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        max_detections: int = 100,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(categories, backbone=backbone, initial_weights=initial_weights, seed=seed)
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.dropout = nn.Dropout(dropout)
        self.joint_softmax = joint_softmax
        self.augmentation = augmentation or ClipAugmentation()
        self.untrimmed_classifier = nn.Linear(backbone.out_channels, len(categories.untrimmed))
        self.moment_classifier = nn.Linear(backbone.out_channels, len(categories.moment))
        self.load_initial_weights()
        self.thresholds = tuple(thresholds)
        self.max_detections = max_detections
        self._recognized: list[Tensor] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """Return the mean of the two classification losses."""
        losses = self.recognition_losses(batch)
        check_losses_over_processes(
            self, "recognition", losses, {"foreground": batch["foreground"], "moments": batch["moments"]}
        )
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        loss = (losses["foreground_cls"] + losses["moment_cls"]) / 2
        self.log("train/recognition", loss.detach(), prog_bar=True)
        self.finish_iteration()
        return loss

    def recognition_losses(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the classification losses of foregrounds and moments, scalars by name.

        Raises:
            ConfigError: If a part is missing, or the batch belongs to another iteration than the next.
        """
        foreground = require_part(batch.get("foreground"), "foreground")
        moments = require_part(batch.get("moments"), "moments")
        self.check_iteration(moments.iteration)
        values = torch.cat([foreground.snippets.values, moments.snippets.values])
        features = self.dropout(self.snippet_features(values, self.augmentation))
        of_foreground, of_moments = features.split_with_sizes(
            [len(foreground.snippets.values), len(moments.snippets.values)]
        )
        if not self.joint_softmax:
            return {
                "foreground_cls": _snippet_loss(self.untrimmed_classifier(of_foreground), foreground),
                "moment_cls": _snippet_loss(self.moment_classifier(of_moments), moments),
            }
        num_untrimmed = len(self.categories.untrimmed)
        return {
            "foreground_cls": _snippet_loss(self._joint_logits(of_foreground), foreground),
            "moment_cls": _snippet_loss(self._joint_logits(of_moments), moments, first_label=num_untrimmed),
        }

    def _joint_logits(self, features: Tensor) -> Tensor:
        """Logits of the untrimmed categories, then of the moment categories, ``(N, K)``, for features ``(N, C)``."""
        return torch.cat([self.untrimmed_classifier(features), self.moment_classifier(features)], dim=-1)

    def candidates(self, snippets: SnippetSequences) -> Candidates:
        """Return groups of neighbouring snippets; see :meth:`BaseModule.candidates`.

        This is AherNet0 of section 4.3 of the paper. A single snippet covers its whole video: its centre may lie
        beyond the end of a short one.
        """
        probabilities = class_probabilities(self, self.snippet_features(snippets.values))
        segments, scores, labels = [], [], []
        for row, video in enumerate(probabilities.split_with_sizes(snippets.lengths.tolist())):
            groups = group_snippets(video, self.thresholds, self.max_detections)
            first, step = snippets.first_centres[row], snippets.steps[row]
            places = groups.segments if len(video) == 1 else first + (groups.segments - 0.5) * step
            segments.append(places.clamp(0.0, 1.0))
            scores.append(groups.scores)
            labels.append(groups.labels)
        return Candidates(
            pad_sequence(segments, batch_first=True),
            pad_sequence(scores, batch_first=True, padding_value=-torch.inf).unsqueeze(-1),
            pad_sequence(labels, batch_first=True).unsqueeze(-1),
        )

    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Return all groups, or of several windows those that repeat no better one; see :meth:`BaseModule.select`."""
        threshold = 1.0 if num_windows == 1 else _SAME_IN_TWO_WINDOWS
        decoder = DetectionDecoder(
            suppression=HardNMS(threshold), top_categories=1, max_segments=max(candidates.scores.shape[1], 1)
        )
        return decoder.select(candidates, durations_sec)

    # Lightning's hooks

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's type of this hook is a large union
        """Make the optimizer and its schedule."""
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler(optimizer), "interval": "step"}}

    def validation_step(self, batch: UntrimmedBatch, batch_idx: int) -> EvaluationOutput:  # type: ignore[override]
        """Recognize the cropped instances, in addition to detection."""
        encoded = batch.snippets._replace(values=self.snippet_features(batch.snippets.values))
        batch = batch._replace(snippets=encoded)
        self._recognized.append(self._instance_hits(batch))
        return super().validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the accuracy on cropped instances, in addition to the detection metrics."""
        super().on_validation_epoch_end()
        # A process without videos gets weight 0.
        hits = torch.cat([torch.zeros(0, device=self.device), *self._recognized])
        self._recognized.clear()
        self.log(
            "val/instance_accuracy", hits.sum() / max(len(hits), 1), batch_size=len(hits), sync_dist=True, prog_bar=True
        )

    def _instance_hits(self, batch: UntrimmedBatch) -> Tensor:
        """Whether the mean prediction over an instance's snippets is its category, one float per instance."""
        snippets = batch.snippets
        probabilities = class_probabilities(self, self.snippet_features(snippets.values))
        hits = []
        for row, video in enumerate(probabilities.split_with_sizes(snippets.lengths.tolist())):
            numbers = torch.arange(len(video), device=video.device)
            centres_sec = (snippets.first_centres[row] + snippets.steps[row] * numbers) * batch.durations_sec[row]
            instances = ground_truth(batch.segments_sec[row], batch.labels[row])
            for segment, label in zip(instances.segments, instances.labels, strict=True):
                nearest = (centres_sec - segment.mean()).abs().argmin()
                inside = (centres_sec >= segment[0]) & (centres_sec <= segment[1])
                inside[nearest] = True  # an instance may be shorter than the snippet stride
                hits.append((video[inside].mean(dim=0).argmax() == label).float())
        return torch.stack(hits) if hits else probabilities.new_zeros(0)


def class_probabilities(module: BaseModule, features: Tensor) -> Tensor:
    """Return the probabilities ``(..., K)`` of the evaluated categories for snippet features ``(..., C)``.

    The module has linear classifiers ``untrimmed_classifier`` and ``moment_classifier``.
    """
    classifiers = [module.get_submodule(f"{one}_classifier") for one in module.categories.evaluated_sets]
    return to_float32(torch.cat([classifier(features) for classifier in classifiers], dim=-1)).softmax(dim=-1)


def _snippet_loss(logits: Tensor, batch: MomentBatch, first_label: int = 0) -> Tensor:
    """Cross entropy of snippets against the label of their clip, averaged over the snippets of all processes.

    ``first_label`` is the place of the first category of the clips among the logits.
    """
    labels = first_label + batch.labels.repeat_interleave(batch.snippets.lengths)
    return mean_over_processes(functional.cross_entropy(to_float32(logits), labels, reduction="none"))
