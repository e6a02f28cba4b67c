"""From network outputs to detections in seconds: decode, score, suppress repetitions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.models.base import Head, ScoreFusion, Suppression
from aher_lightning.ops.nms import batched_nms
from aher_lightning.ops.segments import denormalize_segments
from aher_lightning.structures import Detections, LevelOutputs, Proposals


class Candidates(NamedTuple):
    """Classified, scored segments of all predictions, before suppression.

    Attributes:
        segments: ``(start, end)``, normalized and clipped to the video, ``(B, A, 2)``.
        scores: Confidence, ``(B, A)``; ``-inf`` if the segment lies outside the video.
        labels: Category index, int64 ``(B, A)``.
    """

    segments: Tensor
    scores: Tensor
    labels: Tensor


class ProductFusion(ScoreFusion):
    """Score each prediction by its highest class probability times its quality, as the paper does.

    Implements s_f of section 3.5 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705.
    """

    def __call__(self, probabilities: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each prediction; see :meth:`ScoreFusion.__call__`."""
        best, labels = probabilities.max(dim=-1)
        return best * quality, labels


class VideoCategoryFusion(ScoreFusion):
    """Give all predictions of a video its one most probable category, as the authors' code does.

    The category is that of the highest probability averaged over the video's predictions; this average
    times the quality is the score. A video can have no second category.
    """

    def __call__(self, probabilities: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each prediction; see :meth:`ScoreFusion.__call__`."""
        best, labels = probabilities.mean(dim=1).max(dim=-1, keepdim=True)
        return best * quality, labels.expand(quality.shape)


class HardNMS(Suppression):
    """Non-maximum suppression: drop what a better segment overlaps by more than the threshold.

    Args:
        threshold: Largest tIoU that two survivors may have.
        class_agnostic: Whether segments of different categories suppress one another.
        max_keep: Survivors per video at most.
    """

    def __init__(self, threshold: float = 0.9, *, class_agnostic: bool = True, max_keep: int = 100) -> None:
        self.threshold = threshold
        self.class_agnostic = class_agnostic
        self.max_keep = max_keep

    def __call__(self, segments: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the indices of the survivors; see :meth:`Suppression.__call__`."""
        compared = None if self.class_agnostic else labels
        return batched_nms(segments, scores, self.threshold, labels=compared, max_keep=self.max_keep)


class DetectionDecoder:
    """Turn outputs of the network into detections.

    Args:
        fusion: Final score of a prediction; the paper's product if not given.
        suppression: Suppresses repeated detections; hard NMS at the paper's threshold if not given.
    """

    def __init__(self, fusion: ScoreFusion | None = None, suppression: Suppression | None = None) -> None:
        self.fusion = fusion or ProductFusion()
        self.suppression = suppression or HardNMS()

    def __call__(self, outputs: LevelOutputs, head: Head, durations_sec: Tensor) -> list[Detections]:
        """Return the detections of each video.

        Args:
            outputs: Network outputs for B videos.
            head: The head whose outputs are among them.
            durations_sec: Durations in seconds, shape ``(B,)``.

        Returns:
            One entry per video, best first, within ``[0, duration]`` seconds.
        """
        return self.select(self.candidates(outputs, head), durations_sec)

    def candidates(self, outputs: LevelOutputs, head: Head) -> Candidates:
        """Return a classified, scored segment for each prediction.

        Args:
            outputs: Network outputs for B videos.
            head: The head whose outputs are among them.

        Returns:
            The candidates.
        """
        by_cell = outputs.class_logits.softmax(dim=1).transpose(1, 2)  # (B, N, K)
        return self.fuse(head.decode(outputs.head), by_cell.repeat_interleave(head.predictions_per_cell, dim=1))

    def fuse(self, proposals: Proposals, probabilities: Tensor) -> Candidates:
        """Score and classify proposals; those outside the video are marked absent.

        Args:
            proposals: Segments ``(B, A, 2)`` and their quality ``(B, A)``.
            probabilities: Class probabilities of each segment, shape ``(B, A, K)``.

        Returns:
            The candidates.
        """
        scores, labels = self.fusion(probabilities, proposals.quality)
        is_inside = proposals.segments[..., 1] > proposals.segments[..., 0]
        return Candidates(proposals.segments, scores.masked_fill(~is_inside, -torch.inf), labels)

    def select(self, candidates: Candidates, durations_sec: Tensor) -> list[Detections]:
        """Suppress repetitions and change to seconds.

        Args:
            candidates: Candidates of B videos.
            durations_sec: Durations in seconds, shape ``(B,)``.

        Returns:
            One entry per video, best first; segments are float64, so that no end exceeds its duration.
        """
        indices = self.suppression(*candidates)
        is_kept = indices >= 0
        rows = torch.arange(len(indices), device=indices.device).unsqueeze(-1)
        segments_sec = denormalize_segments(candidates.segments.double(), durations_sec)
        counts = is_kept.sum(dim=1).tolist()
        kept = [values[rows, indices][is_kept].split_with_sizes(counts) for values in (segments_sec, *candidates[1:])]
        return [Detections(*row) for row in zip(*kept, strict=True)]
