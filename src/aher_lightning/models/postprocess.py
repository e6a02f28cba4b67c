"""From network outputs to detections in seconds: decode, score, suppress repetitions, label."""

from __future__ import annotations

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import Head, ScoreFusion, Suppression
from aher_lightning.models.score_fusion import QualityFusion
from aher_lightning.models.suppression import SegmentVoting, gather_rows
from aher_lightning.ops.segments import clip_segments, denormalize_segments
from aher_lightning.structures import Candidates, Detections, LevelOutputs, Proposals, Survivors

_PROSPECTS = 3
"""Candidates of a window on its shortlist, per segment kept: the others score too little to be kept or to matter."""


class DetectionDecoder:
    """Turn outputs of the network into detections.

    Args:
        fusion: Score of a prediction for each category; the product of quality, actionness and class probability if
            not given.
        suppression: Suppresses repeated detections; a vote after Gaussian soft-NMS if not given.
        top_categories: Categories that a segment is labelled with at most, each as a detection of its own.
        max_segments: Segments kept per video at most; each may be several detections.

    Raises:
        ConfigError: If a number is below 1.
    """

    def __init__(
        self,
        fusion: ScoreFusion | None = None,
        suppression: Suppression | None = None,
        *,
        top_categories: int = 3,
        max_segments: int = 100,
    ) -> None:
        for name, number in (("top_categories", top_categories), ("max_segments", max_segments)):
            if number < 1:
                raise ConfigError(f"'decoder.{name}' is {number}; give at least 1")
        self.fusion = fusion or QualityFusion()
        self.suppression = suppression or SegmentVoting()
        self.top_categories = top_categories
        self.max_segments = max_segments

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
        """Return a scored segment with its best categories for each prediction.

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
        scores = self.fusion(proposals, probabilities)
        # The maximum takes the first of equal categories, in ONNX too; the order of topk is not defined.
        count = min(self.top_categories, scores.shape[-1])
        best, labels = scores.max(dim=-1, keepdim=True) if count == 1 else scores.topk(count, dim=-1)
        return Candidates(proposals.segments, best.masked_fill(~proposals.is_inside.unsqueeze(-1), -torch.inf), labels)

    def select(self, candidates: Candidates, durations_sec: Tensor, num_windows: int = 1) -> list[Detections]:
        """Suppress repetitions, label what is left, and change to seconds.

        Args:
            candidates: Candidates of B videos.
            durations_sec: Durations in seconds, shape ``(B,)``.
            num_windows: Length of the videos in windows; so many times more segments are kept.

        Returns:
            One entry per video, best first; segments are float64, so that no end exceeds its duration.
        """
        candidates, survivors = self._suppress(candidates, self.max_segments * num_windows)
        before, labels = (gather_rows(values, survivors.indices) for values in (candidates.scores, candidates.labels))
        # What suppression took from the best category, it takes from the others too.
        factors = (survivors.scores / before[..., 0]).nan_to_num(0.0)
        scores = before * factors.unsqueeze(-1)
        # The mean of segments that end with the video may exceed it by a rounding error.
        segments_sec = denormalize_segments(clip_segments(survivors.segments.double()), durations_sec)
        counts = (survivors.indices >= 0).sum(dim=1).tolist()
        return [
            _ranked(segments_sec[row, :count], scores[row, :count], labels[row, :count])
            for row, count in enumerate(counts)
        ]

    def shortlist(self, candidates: Candidates) -> Candidates:
        """Drop the candidates of a window that have no prospects; scores stay as they are.

        Selecting from the shortlists of several windows together treats repetitions across windows as those within
        one.

        Args:
            candidates: Candidates of B windows.

        Returns:
            The best ones of each window, best first, :data:`_PROSPECTS` times as many as segments are kept.
        """
        count = min(_PROSPECTS * self.max_segments, candidates.scores.shape[1])
        best = candidates.scores[..., 0].argsort(dim=1, descending=True, stable=True)[:, :count]
        return Candidates(*(gather_rows(values, best) for values in candidates))

    def _suppress(self, candidates: Candidates, max_segments: int) -> tuple[Candidates, Survivors]:
        """Return the candidates as suppression compares them, and its survivors."""
        if not self.suppression.class_agnostic:
            candidates, max_segments = _one_category_each(candidates), max_segments * self.top_categories
        segments, scores, labels = candidates.segments, candidates.scores[..., 0], candidates.labels[..., 0]
        return candidates, self.suppression(segments, scores, labels, max_segments)


def _one_category_each(candidates: Candidates) -> Candidates:
    """Make a candidate of its own of every category of a segment."""
    count = candidates.scores.shape[-1]
    segments = candidates.segments.repeat_interleave(count, dim=1)
    return Candidates(segments, candidates.scores.flatten(1).unsqueeze(-1), candidates.labels.flatten(1).unsqueeze(-1))


def _ranked(segments_sec: Tensor, scores: Tensor, labels: Tensor) -> Detections:
    """Detections of one video, best first, of segments ``(M, 2)`` with scores and labels ``(M, k)``."""
    ranks = scores.flatten().argsort(descending=True, stable=True)
    copies = segments_sec.repeat_interleave(scores.shape[1], dim=0)
    return Detections(copies[ranks], scores.flatten()[ranks], labels.flatten()[ranks])
