"""Recognition from pixels: a backbone and a classifier per category set, learnt from trimmed clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.losses.reduction import mean_over_processes
from aher_lightning.models.backbones.augmentation import ClipAugmentation
from aher_lightning.models.base import Backbone
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.modules.detection_metrics import ground_truth
from aher_lightning.modules.iteration_data import require_part
from aher_lightning.modules.nan_guard import check_losses_over_processes
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.ops.grouping import group_snippets
from aher_lightning.ops.precision import to_float32
from aher_lightning.structures import Categories, Detections, MomentBatch, SnippetSequences, UntrimmedBatch


class SnippetClassifierModule(BaseModule):
    """Train a backbone to recognize the actions of moments and foreground segments, snippet by snippet.

    It plays the part that pre-training on Kinetics plays in the paper: what it learns is the backbone
    that features are extracted with. Validation reports the accuracy on cropped instances.

    Args:
        categories: The two category sets.
        backbone: Turns pixels into features; trained here.
        optimizer: Makes the optimizer.
        scheduler: Makes the learning-rate schedule, stepped once per iteration.
        dropout: Probability of dropping a feature before the classifiers.
        augmentation: Random changes of training clips; the default ones if not given.
        thresholds: Scores above which neighbouring snippets are grouped to a detection.
        max_detections: Detections kept per video.
        initial_weights: Checkpoints whose backbone to start from.
        seed: Seed of all random choices during training.
    """

    def __init__(
        self,
        categories: Categories,
        *,
        backbone: Backbone,
        optimizer: OptimizerCallable = torch.optim.Adam,
        scheduler: LRSchedulerCallable | None = None,
        dropout: float = 0.5,
        augmentation: ClipAugmentation | None = None,
        thresholds: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        max_detections: int = 100,
        initial_weights: Sequence[Path] = (),
        seed: int = 0,
    ) -> None:
        super().__init__(
            categories,
            backbone=backbone,
            initial_weights=initial_weights,
            seed=seed,
        )
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.dropout = nn.Dropout(dropout)
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
        """Return the classification losses of foregrounds and moments.

        Args:
            batch: Batch of the current iteration.

        Returns:
            Scalars by name.

        Raises:
            ConfigError: If a part is missing, or the batch belongs to another iteration than the one to run.
        """
        foreground = require_part(batch.get("foreground"), "foreground")
        moments = require_part(batch.get("moments"), "moments")
        self.check_iteration(moments.iteration)
        values = torch.cat([foreground.snippets.values, moments.snippets.values])
        features = self.dropout(self.snippet_features(values, self.augmentation))
        of_foreground, of_moments = features.split_with_sizes(
            [len(foreground.snippets.values), len(moments.snippets.values)]
        )
        return {
            "foreground_cls": _snippet_loss(self.untrimmed_classifier(of_foreground), foreground),
            "moment_cls": _snippet_loss(self.moment_classifier(of_moments), moments),
        }

    def detect(self, snippets: SnippetSequences, durations_sec: Tensor) -> list[Detections]:
        """Localize actions by grouping neighbouring snippets (AherNet0 of the paper, section 4.3).

        The only snippet of a video stands for all of it: its centre may lie behind the end of a short one.
        """
        probabilities = class_probabilities(self, self.snippet_features(snippets.values))
        videos = probabilities.split_with_sizes(snippets.lengths.tolist())
        detections = []
        for row, video in enumerate(videos):
            groups = group_snippets(video, self.thresholds, self.max_detections)
            first, step = snippets.first_centres[row], snippets.steps[row]
            places = groups.segments if len(video) == 1 else first + (groups.segments - 0.5) * step
            segments = places.clamp(0.0, 1.0).double() * durations_sec[row]
            detections.append(groups._replace(segments=segments))
        return detections

    # Lightning's hooks

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's type of this hook is a large union
        """Make the optimizer and its schedule."""
        optimizer = self.optimizer(self.parameters())
        if self.scheduler is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler(optimizer), "interval": "step"}}

    def validation_step(self, batch: UntrimmedBatch, batch_idx: int) -> EvaluationOutput:  # type: ignore[override]
        """Recognize the cropped instances, besides detecting."""
        encoded = batch.snippets._replace(values=self.snippet_features(batch.snippets.values))
        batch = batch._replace(snippets=encoded)
        self._recognized.append(self._instance_hits(batch))
        return super().validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the accuracy on cropped instances, besides the detection metrics."""
        super().on_validation_epoch_end()
        # A process may have been left without any video, and then counts for nothing.
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
                inside[nearest] = True  # an instance may be shorter than the distance of two snippets
                hits.append((video[inside].mean(dim=0).argmax() == label).float())
        return torch.stack(hits) if hits else probabilities.new_zeros(0)


def class_probabilities(module: BaseModule, features: Tensor) -> Tensor:
    """Return the probabilities of the evaluated categories.

    Args:
        module: Has a linear classifier of snippets for each category set, ``untrimmed_classifier`` and
            ``moment_classifier``.
        features: Snippet features, ``(..., C)``.

    Returns:
        Probabilities, ``(..., K)``.
    """
    classifiers = [module.get_submodule(f"{one}_classifier") for one in module.categories.evaluated_sets]
    return to_float32(torch.cat([classifier(features) for classifier in classifiers], dim=-1)).softmax(dim=-1)


def _snippet_loss(logits: Tensor, batch: MomentBatch) -> Tensor:
    """Cross entropy of every snippet against the label of its clip, mean over the snippets of all processes."""
    labels = batch.labels.repeat_interleave(batch.snippets.lengths)
    return mean_over_processes(functional.cross_entropy(to_float32(logits), labels, reduction="none"))
