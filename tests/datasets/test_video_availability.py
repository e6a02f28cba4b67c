from __future__ import annotations

import pytest

from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datasets.video_availability import LeftOut, VideoAvailability
from aher_lightning.errors import DataError

CLIPS = [TrimmedClip(name, None, "clap") for name in "abcd"]


def names(clips: list[TrimmedClip]) -> str:
    return "".join(clip.video_id for clip in clips)


def test_complete_data_is_kept_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert VideoAvailability("abcd", "no file").usable(CLIPS, "moments") == CLIPS
    assert VideoAvailability("", "no file").usable([], "moments") == []
    assert caplog.text == ""


def test_what_is_missing_is_left_out_and_told_once_per_part(caplog: pytest.LogCaptureFixture) -> None:
    availability = VideoAvailability("bd", "no file in data/videos")
    assert [names(availability.usable(CLIPS, part)) for part in ("moments", "moments", "videos")] == ["bd"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "left out 2 of 4 moments: no file in data/videos ('a' first)",
        "left out 2 of 4 videos: no file in data/videos ('a' first)",
    ]


def test_quarantined_videos_are_left_out_like_missing_ones(caplog: pytest.LogCaptureFixture) -> None:
    availability = VideoAvailability("abc", "no features in store", quarantined=["c", "d", "z"])
    assert names(availability.usable(CLIPS, "moments")) == "ab"
    assert availability.has("a")
    assert not availability.has("c")
    # What is missing is counted as missing, whatever else is wrong with it.
    assert caplog.messages == ["left out 2 of 4 moments: no features in store ('d' first), 1 in quarantine ('c' first)"]


def test_missing_videos_can_be_an_error_and_quarantined_ones_are_none() -> None:
    availability = VideoAvailability("abc", "no file in data", quarantined=["c"], on_missing="error")
    assert names(availability.usable(CLIPS[:3], "moments")) == "ab"
    message = r"^1 of 4 moments have no file in data \('d' first\); add them, or set 'on_missing' to \"leave_out\"$"
    with pytest.raises(DataError, match=message):
        availability.usable(CLIPS, "moments")


def test_nothing_left_is_an_error() -> None:
    availability = VideoAvailability("a", "no file in data", quarantined=["a"])
    message = r"^none of the 2 moments can be used: no file in data \('b' first\), 1 in quarantine \('a' first\); add"
    with pytest.raises(DataError, match=message):
        availability.usable(CLIPS[:2], "moments")


def test_what_was_left_out_is_remembered_by_part() -> None:
    availability = VideoAvailability("abc", "no file", quarantined=["c", "d"], on_missing="error")
    availability.usable(CLIPS[:3], "moments")
    with pytest.raises(DataError, match="none of the 1 videos"):
        VideoAvailability.usable(VideoAvailability("", "no file"), CLIPS[:1], "videos")
    assert availability.left_out == {"moments": LeftOut(3, [], ["c"])}
    with pytest.raises(DataError, match="1 of 4 others have no file"):
        availability.usable(CLIPS, "others")
    # Known to be unusable, so that nobody has to look for it.
    assert availability.left_out["others"] == LeftOut(4, [], ["c", "d"])
    partial = VideoAvailability("a", "no file")
    partial.usable(CLIPS, "moments")
    assert partial.left_out["moments"] == LeftOut(4, ["b", "c", "d"], [])
