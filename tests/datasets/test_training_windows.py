from __future__ import annotations

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.datasets.training_windows import (
    choose_window_sec,
    draw_window,
    instances_in,
    usual_duration_sec,
)
from aher_lightning.ops.windows import Window

NOD = Instance("nod", 100.0, 104.0)


def video(*lengths_sec: float) -> AnnotatedVideo:
    return AnnotatedVideo("a", "training", 999.0, tuple(Instance("nod", 50.0, 50.0 + one) for one in lengths_sec))


def test_the_length_goes_by_the_median_action_or_by_the_long_ones() -> None:
    assert choose_window_sec([video(2.0, 3.0), video(4.0)]) == 16 * 3.0
    assert choose_window_sec([video(1.0, 1.0, 1.0, 30.0)]) == 2 * 30.0
    assert choose_window_sec([video()]) is None
    assert choose_window_sec([]) is None


def test_nine_of_ten_videos_are_no_longer_than_usual() -> None:
    durations = (30.0, 10.0, 20.0, 500.0, 12.0, 11.0, 13.0, 14.0, 15.0, 16.0)
    videos = [AnnotatedVideo("a", "training", one, ()) for one in durations]
    assert usual_duration_sec(videos) == 30.0
    assert usual_duration_sec(videos[3:5]) == 500.0
    assert usual_duration_sec([]) is None


def test_windows_lie_within_the_video_and_show_actions_whole() -> None:
    around = 0
    for number in range(300):
        window = draw_window(1000.0, [NOD], 40.0, str(number))
        assert window is not None
        assert window.end_sec - window.start_sec == pytest.approx(40.0)
        assert window.start_sec >= 0
        assert window.end_sec <= 1000.0 + 1e-9
        around += window.start_sec <= NOD.start_sec and NOD.end_sec <= window.end_sec
    assert 200 <= around <= 255  # three of four, and a few by chance


def test_windows_around_an_action_at_an_end_stay_in_the_video() -> None:
    for label in (Instance("nod", 0.0, 3.0), Instance("nod", 97.0, 100.0)):
        windows = [draw_window(100.0, [label], 30.0, str(number)) for number in range(50)]
        assert all(one is not None and 0 <= one.start_sec <= 70.0 for one in windows)
    long = Instance("nod", 10.0, 90.0)
    starts = [one.start_sec for number in range(200) if (one := draw_window(100.0, [long], 30.0, str(number)))]
    assert sum(10.0 <= start <= 60.0 for start in starts) > 150  # within the action


def test_short_videos_have_no_window() -> None:
    assert draw_window(50.0, [NOD], 40.0, "a") is None
    assert draw_window(500.0, [NOD], None, "a") is None
    without = draw_window(500.0, [], 40.0, "a")
    assert without == draw_window(500.0, [], 40.0, "a")
    assert without != draw_window(500.0, [], 40.0, "b")


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ((12.0, 15.0), (2.0, 5.0)),
        ((6.0, 14.0), (0.0, 4.0)),  # half of it
        ((5.0, 14.0), None),  # less than half
        ((0.0, 60.0), (0.0, 10.0)),  # all of the window
        ((15.0, 60.0), (5.0, 10.0)),  # half of the window
        ((16.0, 60.0), None),
        ((3.0, 10.0), None),  # ends where the window starts
        ((30.0, 31.0), None),
    ],
)
def test_an_action_counts_if_half_of_it_is_seen(action: tuple[float, float], seen: tuple[float, float] | None) -> None:
    found = instances_in(Window(10.0, 20.0), [Instance("nod", *action)])
    assert found == ([] if seen is None else [Instance("nod", *seen)])
