"""Whatever a video is like, from one frame on, every detector finds segments with a length, within the video."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
import torch

from aher_lightning.ops.randomness import random_generator
from aher_lightning.ops.spans import place_snippets
from aher_lightning.ops.windows import merge_windows, split_windows
from aher_lightning.structures import Candidates, Detections, SnippetSequence, SnippetSequences
from aher_lightning.video.clips import count_clips
from aher_lightning.video.contract import TemporalContract
from tests.helpers.detectors import DETECTORS
from tests.helpers.toy import CHANNELS
from tests.helpers.training import toy_classifier


class Video(NamedTuple):
    """A video by its length, and how it becomes snippets."""

    num_frames: int
    fps: float
    contract: TemporalContract

    @property
    def duration_sec(self) -> float:
        return self.num_frames / self.fps

    def snippets(self, span_sec: tuple[float, float] | None) -> SnippetSequence:
        """Features of a span, as any source of snippets would place them."""
        contract, total = self.contract, count_clips(self.duration_sec, self.contract)
        values = torch.randn(total, CHANNELS, generator=random_generator(self.num_frames, str(self.fps)))
        placed = place_snippets(total, contract.first_centre_sec, contract.step_sec, span_sec, self.duration_sec)
        return SnippetSequence(values[placed.chosen.start : placed.chosen.stop], placed.first_centre, placed.step)


CONTRACTS = [
    TemporalContract(fps=10.0, clip_length=16, snippet_stride=8),
    TemporalContract(fps=10.0, clip_length=16, snippet_stride=8, first_centre_frames=0.0),
    TemporalContract(fps=25.0, clip_length=4, snippet_stride=16, first_centre_frames=40.0),
    TemporalContract(fps=3.0, clip_length=1, snippet_stride=1),
]
LENGTHS = [*range(1, 40), 63, 97, 128, 500, 1009]
VIDEOS = [
    Video(*one)
    for one in zip(LENGTHS * 4, [10.0, 25.0, 29.97, 1000.0] * len(LENGTHS), CONTRACTS * len(LENGTHS), strict=True)
]


def check(found: Detections, duration_sec: float) -> None:
    """Fail unless every segment has a length and lies within the video."""
    assert found.segments.isfinite().all()
    assert (found.segments[:, 1] > found.segments[:, 0]).all()
    assert (found.segments >= 0).all()
    assert (found.segments <= duration_sec).all()
    assert len(found.segments) == len(found.scores) == len(found.labels)


@pytest.mark.parametrize("name", DETECTORS)
@torch.no_grad()
def test_segments_have_a_length_and_lie_within_the_video(name: str) -> None:
    module, count = DETECTORS[name]().eval(), 0
    for video in VIDEOS:
        durations_sec = torch.tensor([video.duration_sec], dtype=torch.float64)
        (found,) = module.detect(SnippetSequences.pack([video.snippets(None)]), durations_sec)
        check(found, video.duration_sec)
        count += len(found.segments)
    assert count > len(VIDEOS)


@pytest.mark.parametrize("name", DETECTORS)
@torch.no_grad()
def test_so_they_do_in_windows(name: str) -> None:
    module = DETECTORS[name]().eval()
    for video in VIDEOS:
        windows = split_windows(video.duration_sec, video.duration_sec / math.e)
        spans = [(window.start_sec, window.end_sec) for window in windows]
        found = module.shortlist(module.candidates(SnippetSequences.pack([video.snippets(span) for span in spans])))
        apart = [Candidates(*(field[row : row + 1] for field in found)) for row in range(len(windows))]
        merged = merge_windows(windows, apart, video.duration_sec)
        (detections,) = module.select(merged, torch.tensor([video.duration_sec], dtype=torch.float64), len(windows))
        check(detections, video.duration_sec)


@torch.no_grad()
def test_the_only_snippet_stands_for_the_whole_video() -> None:
    video = Video(3, 10.0, CONTRACTS[0])
    snippets = video.snippets(None)
    assert snippets.first_centre > 1
    packed = SnippetSequences.pack([snippets])
    (found,) = toy_classifier().eval().detect(packed, torch.tensor([0.3], dtype=torch.float64))
    assert found.segments.tolist() == [[0.0, 0.3]] * len(found.scores)
    assert len(found.scores) > 0
