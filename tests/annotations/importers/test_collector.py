from __future__ import annotations

import math

import pytest

from aher_lightning.annotations.importers.collector import (
    ImportOptions,
    SegmentCollector,
    at_place,
    no_video,
    whole_number,
)
from aher_lightning.annotations.records import Instance
from aher_lightning.files.json_files import MalformedError
from tests.helpers.annotation_tools import some_video


def test_segments_of_no_length_and_reversed_ones_are_counted_by_the_video() -> None:
    collector = SegmentCollector(ImportOptions(subset="test"))
    video_id = collector.add_video("a/v1.mp4")
    collector.set_duration(video_id, 10.0)
    for span in [(1, 2), (3, 3), (5, 4), (-1, 12), (1, 2)]:
        collector.add(video_id, None, "jump", span)
    (video,) = collector.finish().videos
    assert [one[1:] for one in video.instances] == [(1, 2), (-1, 12), (1, 2)]
    assert (video.subset, video.duration_sec, video.num_dropped, video.num_reversed) == ("test", 10.0, 2, 1)


def test_the_value_or_the_tier_is_the_label() -> None:
    for label_from, label in (("value", "jump high"), ("tier", "action")):
        collector = SegmentCollector(ImportOptions(label_from=label_from))  # type: ignore[arg-type]
        collector.add(collector.add_video("v"), "action", " jump\n high ", (0, 1))
        assert collector.finish().videos[0].instances == (Instance(label, 0, 1),)


def test_tiers_that_are_not_wanted_and_segments_without_label_are_counted() -> None:
    collector = SegmentCollector(ImportOptions(tiers=["action"]))
    video_id = collector.add_video("v")
    collector.add(video_id, "speech", "hello", (0, 1))
    collector.add(video_id, "action", "  ", (0, 1))
    found = collector.finish()
    assert found.left_out == {"of other tiers": 1, "without label": 1}
    assert found.tiers == ("speech", "action")


def test_the_duration_is_that_of_the_file_else_of_the_video_else_unknown() -> None:
    durations = []
    for find_video, stated in ((some_video, 5.0), (some_video, 0.0), (some_video, None), (no_video, None)):
        collector = SegmentCollector(ImportOptions(find_video=find_video))
        video_id = collector.add_video("v")
        if stated is not None:
            collector.set_duration(video_id, stated)
        (video,) = collector.finish().videos
        durations.append(video.duration_sec if video.has_duration else None)
    assert durations == [5.0, 60.0, 60.0, None]


def test_what_cannot_be_used_is_refused() -> None:
    collector = SegmentCollector(ImportOptions())
    video_id = collector.add_video("v.mp4")
    with pytest.raises(MalformedError, match="two videos have the id 'v'"):
        collector.add_video("b/v.avi")
    with pytest.raises(MalformedError, match="unprintable"):
        collector.add(video_id, None, "a\ud800b", (0, 1))
    with pytest.raises(MalformedError, match="end must be finite"):
        collector.add(video_id, None, "a", (0, math.inf))
    with pytest.raises(MalformedError, match="duration must be finite"):
        collector.set_duration(video_id, math.nan)


@pytest.mark.parametrize("text", [None, "", "-1", "1.0", "1e3", " 1", "٣", "9" * 16, "nan"])
def test_only_digits_are_whole_numbers(text: str | None) -> None:
    with at_place("here"), pytest.raises(MalformedError, match="frame must be a whole number"):
        whole_number(text, "frame")
    assert whole_number("007", "frame") == 7


def test_places_nest() -> None:
    with pytest.raises(MalformedError, match=r"^task 1: result 2: wrong$"), at_place("task 1"), at_place("result 2"):
        raise MalformedError("wrong")
