from __future__ import annotations

import math
from itertools import pairwise

import pytest

from aher_lightning.errors import ConfigError
from aher_lightning.ops.windows import _LONGEST_IN_ONE, Window, length_in_windows, split_windows


@pytest.mark.parametrize("duration_sec", [50.1, 60.0, 61.0, 80.0, 99.9, 100.0, 1234.5, 86_400.0])
@pytest.mark.parametrize("window_sec", [0.7, 40.0])
def test_windows_cover_a_video_and_overlap_by_half(duration_sec: float, window_sec: float) -> None:
    windows = split_windows(duration_sec, window_sec)
    assert windows[0].start_sec == 0
    assert windows[-1].end_sec == duration_sec
    for one, following in pairwise(windows):
        assert one.end_sec - one.start_sec == pytest.approx(window_sec, rel=1e-6)
        assert one.start_sec < following.start_sec
        assert one.end_sec - following.start_sec >= window_sec / 2 - 1e-9
    # No more of them than that takes.
    assert len(windows) <= math.ceil(2 * duration_sec / window_sec)


@pytest.mark.parametrize("start_sec", [0.0, 13.3, 20.0, 39.99, 66.0, 80.0])
def test_what_is_half_as_long_as_a_window_lies_in_one(start_sec: float) -> None:
    inside = [
        window
        for window in split_windows(100.0, 40.0)
        if window.start_sec <= start_sec and start_sec + 20.0 <= window.end_sec
    ]
    assert inside


def test_a_video_little_longer_than_a_window_stays_whole() -> None:
    assert split_windows(40.0 * _LONGEST_IN_ONE, 40.0) == [Window(0.0, 50.0)]
    assert len(split_windows(50.01, 40.0)) == 2
    assert split_windows(1e6, None) == [Window(0.0, 1e6)]


def test_shares_count_windows_without_their_overlap() -> None:
    assert [length_in_windows(duration, 40.0) for duration in (10.0, 50.0, 51.0, 100.0, 400.0)] == [1, 1, 2, 3, 10]


@pytest.mark.parametrize("window_sec", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_length_is_refused(window_sec: float) -> None:
    with pytest.raises(ConfigError, match=r"'window_sec' is .*, but must be positive"):
        split_windows(10.0, window_sec)
