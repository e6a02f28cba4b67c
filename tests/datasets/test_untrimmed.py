from __future__ import annotations

import pytest
import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.untrimmed import UntrimmedDataset
from aher_lightning.errors import DataError
from aher_lightning.structures import SnippetSequence


class CountingSource:
    """Features that tell which video was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[float, float] | None]] = []

    @property
    def video_ids(self) -> list[str]:
        return ["a", "b"]

    def duration_sec(self, video_id: str) -> float:
        return float(ord(video_id))

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        self.asked.append((video_id, span_sec))
        return SnippetSequence(torch.full((4, 2), float(ord(video_id))), 0.125, 0.25)


VIDEOS = [
    AnnotatedVideo("a", "training", 30.0, (Instance("wave", 1.0, 4.1), Instance("jump", 10.0, 12.5))),
    AnnotatedVideo("b", "training", 7.5, ()),
]


def test_a_sample_holds_the_whole_video_and_its_instances() -> None:
    source = CountingSource()
    dataset = UntrimmedDataset(VIDEOS, source, ["jump", "wave"])
    iteration, sample = dataset[SampleKey(0, iteration=7)]
    assert (len(dataset), iteration) == (2, 7)
    assert (sample.video_id, sample.position, sample.duration_sec) == ("a", 0, 30.0)
    assert torch.equal(sample.segments_sec, torch.tensor([[1.0, 4.1], [10.0, 12.5]], dtype=torch.float64))
    assert sample.labels.tolist() == [1, 0]
    assert sample.snippets.values[0, 0] == ord("a")
    assert source.asked == [("a", None)]


def test_a_video_may_have_no_instance() -> None:
    iteration, sample = UntrimmedDataset(VIDEOS, CountingSource(), ["jump", "wave"])[SampleKey(1)]
    assert iteration == -1
    assert sample.segments_sec.shape == (0, 2)
    assert sample.labels.dtype == torch.int64
    assert sample.labels.shape == (0,)


def test_a_video_without_a_known_duration_has_that_of_its_file() -> None:
    unknown = AnnotatedVideo("b", "training", 4.0, (Instance("wave", 1.0, 4.0),), has_duration=False)
    dataset = UntrimmedDataset([VIDEOS[0], unknown], CountingSource(), ["jump", "wave"])
    assert [dataset[SampleKey(place)][1].duration_sec for place in range(2)] == [30.0, float(ord("b"))]
    assert [dataset.video_id(place) for place in range(2)] == ["a", "b"]


def test_there_must_be_a_video() -> None:
    with pytest.raises(DataError, match="no untrimmed video is left; check the subset"):
        UntrimmedDataset([], CountingSource(), ["jump"])
