"""From network outputs to detections in seconds: decode, fuse scores, suppress repetitions."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.models.base import ScoreFusion, Suppression
from aher_lightning.ops.coding import decode_offsets
from aher_lightning.ops.nms import batched_nms
from aher_lightning.ops.segments import centre_width_to_segments, clip_segments, denormalize_segments
from aher_lightning.structures import Detections, LevelOutputs


class Candidates(NamedTuple):
    """Classified, scored segments of every anchor, before suppression.

    Attributes:
        segments: ``(start, end)``, normalized and clipped to the video, ``(B, A, 2)``.
        scores: Confidence, ``(B, A)``; ``-inf`` where nothing of the segment lies in the video.
        labels: Category index, int64 ``(B, A)``.
    """

    segments: Tensor
    scores: Tensor
    labels: Tensor


class ProductFusion(ScoreFusion):
    """Score each anchor by its highest class probability times its overlap, as the paper does.

    Implements s_f of section 3.5 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705.
    """

    def __call__(self, probabilities: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each anchor; see :meth:`ScoreFusion.__call__`."""
        best, labels = probabilities.max(dim=-1)
        return best * overlaps, labels


class VideoCategoryFusion(ScoreFusion):
    """Give all anchors of a video its one most probable category, as the authors' code does.

    The category is that of the highest probability averaged over the video's anchors; this average times
    the anchor's overlap is the score. A video can have no second category.
    """

    def __call__(self, probabilities: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each anchor; see :meth:`ScoreFusion.__call__`."""
        best, labels = probabilities.mean(dim=1).max(dim=-1, keepdim=True)
        return best * overlaps, labels.expand(overlaps.shape)


class OverlapFusion(ScoreFusion):
    """Score each anchor by its overlap alone: class-agnostic proposals, with the likeliest category as label."""

    def __call__(self, probabilities: Tensor, overlaps: Tensor) -> tuple[Tensor, Tensor]:
        """Return score and category of each anchor; see :meth:`ScoreFusion.__call__`."""
        return overlaps, probabilities.argmax(dim=-1)


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
    """Turn what the network says about its anchors into detections.

    Args:
        fusion: Final score of an anchor; the paper's product if not given.
        suppression: Thins out repetitions; hard NMS at the paper's threshold if not given.
        centre_scale: alpha_1 of Eq. 5; must be that of the training loss.
        width_scale: alpha_2 of Eq. 5; must be that of the training loss.
    """

    def __init__(
        self,
        fusion: ScoreFusion | None = None,
        suppression: Suppression | None = None,
        *,
        centre_scale: float = 1.0,
        width_scale: float = 1.0,
    ) -> None:
        self.fusion = fusion or ProductFusion()
        self.suppression = suppression or HardNMS()
        self.centre_scale = centre_scale
        self.width_scale = width_scale

    def __call__(self, outputs: LevelOutputs, anchors: Tensor, durations_sec: Tensor) -> list[Detections]:
        """Return the detections of each video.

        Args:
            outputs: Network outputs for B videos.
            anchors: Default segments ``(centre, width)``, normalized, shape ``(A, 2)``.
            durations_sec: Durations in seconds, shape ``(B,)``.

        Returns:
            One entry per video, best first, within ``[0, duration]`` seconds.
        """
        return self.select(self.candidates(outputs, anchors), durations_sec)

    def decode_segments(self, outputs: LevelOutputs, anchors: Tensor) -> Tensor:
        """Return the segment that each anchor was moved to.

        Args:
            outputs: Network outputs for B videos.
            anchors: Default segments ``(centre, width)``, normalized, shape ``(A, 2)``.

        Returns:
            Segments ``(start, end)``, normalized and clipped to the video, shape ``(B, A, 2)``; the end is
            not after the start where a segment lies outside the video.
        """
        moved = decode_offsets(anchors, outputs.offsets, self.centre_scale, self.width_scale)
        return clip_segments(centre_width_to_segments(moved))

    def candidates(self, outputs: LevelOutputs, anchors: Tensor) -> Candidates:
        """Return a classified, scored segment for each anchor.

        Args:
            outputs: Network outputs for B videos.
            anchors: Default segments ``(centre, width)``, normalized, shape ``(A, 2)``.

        Returns:
            The candidates.
        """
        segments = self.decode_segments(outputs, anchors)
        by_cell = outputs.class_logits.softmax(dim=1).transpose(1, 2)  # (B, N, K)
        anchors_per_cell = len(anchors) // max(1, by_cell.shape[1])
        return self.fuse(segments, by_cell.repeat_interleave(anchors_per_cell, dim=1), outputs.overlaps)

    def fuse(self, segments: Tensor, probabilities: Tensor, overlaps: Tensor) -> Candidates:
        """Score and classify segments; those outside the video are marked absent.

        Args:
            segments: ``(start, end)``, normalized and clipped to the video, shape ``(B, A, 2)``.
            probabilities: Class probabilities of each segment, shape ``(B, A, K)``.
            overlaps: Predicted tIoU, shape ``(B, A)``.

        Returns:
            The candidates.
        """
        scores, labels = self.fusion(probabilities, overlaps)
        is_inside = segments[..., 1] > segments[..., 0]
        return Candidates(segments, scores.masked_fill(~is_inside, -torch.inf), labels)

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
