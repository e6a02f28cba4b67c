from __future__ import annotations

import pytest
import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.datasets.sampling import SampleKey
from aher_lightning.datasets.untrimmed import UntrimmedDataset
from aher_lightning.errors import DataError
from aher_lightning.ops.spans import place_snippets
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


DAY = AnnotatedVideo("day", "training", 3600.0, (Instance("jump", 600.0, 603.0), Instance("wave", 1800.0, 1804.0)))


class DaySource(CountingSource):
    """A video of which each second has a snippet that tells it."""

    def read(
        self,
        video_id: str,  # noqa: ARG002 - there is one video
        span_sec: tuple[float, float] | None = None,
    ) -> SnippetSequence:
        assert span_sec is not None
        placed = place_snippets(3600, 0.5, 1.0, span_sec, 3600.0)
        return SnippetSequence(torch.tensor([[second] for second in placed.chosen]), placed.first_centre, placed.step)


def test_a_long_video_is_seen_in_windows_that_depend_on_the_key_alone() -> None:
    dataset = UntrimmedDataset([DAY], DaySource(), ["jump", "wave"], window_sec=60.0)
    samples = [dataset[SampleKey(0, number, f"7/untrimmed/{number}")][1] for number in range(200)]
    again = dataset[SampleKey(0, 5, "7/untrimmed/5")][1]
    assert torch.equal(again.snippets.values, samples[5].snippets.values)
    assert len({int(sample.snippets.values[0]) for sample in samples}) > 100
    for sample in samples:
        assert sample.duration_sec == pytest.approx(60.0)
        for (start, end), label in zip(sample.segments_sec.tolist(), sample.labels.tolist(), strict=True):
            centre = (start + end) / 2  # in seconds from the start of the window, like the snippets
            place = (centre / 60.0 - sample.snippets.first_centre) / sample.snippets.step
            second = float(sample.snippets.values[round(place)])
            assert second + 0.5 == pytest.approx((601.5, 1802.0)[label], abs=1.0)
    seen = sum(len(sample.labels) for sample in samples)
    assert 130 <= seen <= 170  # three of four are drawn around an action, which fills a thousandth of the video


def test_a_video_not_much_longer_than_a_window_is_seen_whole() -> None:
    source = CountingSource()
    assert UntrimmedDataset(VIDEOS, source, ["jump", "wave"], window_sec=24.0)[SampleKey(0)][1].duration_sec == 30.0
    assert source.asked == [("a", None)]
