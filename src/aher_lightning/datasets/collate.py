"""Collation of samples to batches: packed snippets, padded ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aher_lightning.structures import MomentBatch, MomentSample, SnippetSequences, UntrimmedBatch, UntrimmedSample


def collate_untrimmed(samples: Sequence[tuple[int, UntrimmedSample]]) -> UntrimmedBatch:
    """Return a batch of untrimmed videos.

    Args:
        samples: Pairs of iteration (the same for all; -1 in evaluation) and sample.

    Returns:
        The batch; segments in seconds ``(B, G, 2)`` padded with 0, labels ``(B, G)`` padded with -1.
    """
    videos = [sample for _, sample in samples]
    most = max(len(video.labels) for video in videos)
    segments_sec = torch.zeros(len(videos), most, 2, dtype=torch.float64)
    labels = torch.full((len(videos), most), -1)
    for row, video in enumerate(videos):
        segments_sec[row, : len(video.labels)] = video.segments_sec
        labels[row, : len(video.labels)] = video.labels
    return UntrimmedBatch(
        iteration=samples[0][0],
        video_ids=[video.video_id for video in videos],
        positions=torch.tensor([video.position for video in videos]),
        snippets=SnippetSequences.pack([video.snippets for video in videos]),
        durations_sec=torch.tensor([video.duration_sec for video in videos], dtype=torch.float64),
        segments_sec=segments_sec,
        labels=labels,
    )


def collate_readable(samples: Sequence[tuple[int, UntrimmedSample] | None]) -> UntrimmedBatch | None:
    """Return a batch of the untrimmed videos that could be read, those not ``None``, if there are any."""
    found = [sample for sample in samples if sample is not None]
    return collate_untrimmed(found) if found else None


def collate_moments(samples: Sequence[tuple[int, MomentSample]]) -> MomentBatch:
    """Return a batch of moments or foreground segments from pairs of iteration and sample."""
    moments = [sample for _, sample in samples]
    return MomentBatch(
        iteration=samples[0][0],
        video_ids=[moment.video_id for moment in moments],
        snippets=SnippetSequences.pack([moment.snippets for moment in moments]),
        labels=torch.tensor([moment.label for moment in moments]),
    )
