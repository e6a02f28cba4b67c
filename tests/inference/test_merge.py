from __future__ import annotations

import pytest
import torch

from aher_lightning.inference.merge import merge_windows
from aher_lightning.inference.windows import Window, split_windows
from aher_lightning.structures import Detections

WINDOWS = split_windows(80.0, 40.0)  # 0 to 40, 20 to 60, 40 to 80


def found(*rows: tuple[float, float, float, int]) -> Detections:
    segments = torch.tensor([row[:2] for row in rows], dtype=torch.float64).reshape(-1, 2)
    scores = torch.tensor([row[2] for row in rows])
    return Detections(segments, scores, torch.tensor([row[3] for row in rows], dtype=torch.int64))


def as_seen(start_sec: float, end_sec: float, score: float) -> list[Detections]:
    """What each window would find of one action, cut off at its ends."""
    seen = []
    for window in WINDOWS:
        start, end = max(start_sec, window.start_sec), min(end_sec, window.end_sec)
        rows = [(start - window.start_sec, end - window.start_sec, score, 1)] if end > start else []
        seen.append(found(*rows))
    return seen


@pytest.mark.parametrize("start_sec", [0.0, 3.0, 15.0, 19.0, 21.0, 30.0, 38.0, 39.9, 41.0, 55.0, 70.0])
def test_an_action_is_found_once_and_whole_wherever_it_lies(start_sec: float) -> None:
    merged = merge_windows(WINDOWS, as_seen(start_sec, start_sec + 10.0, 0.5))
    assert merged.segments.tolist() == [[pytest.approx(start_sec), pytest.approx(start_sec + 10.0)]]
    assert merged.labels.tolist() == [1]


def test_an_action_longer_than_a_window_is_kept_in_parts() -> None:
    merged = merge_windows(WINDOWS, as_seen(5.0, 75.0, 0.5))
    assert merged.segments[:, 0].min() == 5.0
    assert merged.segments[:, 1].max() == 75.0
    assert len(merged.scores) == 3


def test_the_ends_of_the_video_cut_nothing_off() -> None:
    first, last = found((0.0, 1.0, 0.9, 0)), found((39.0, 40.0, 0.8, 2))
    merged = merge_windows(WINDOWS, [first, found(), last])
    assert merged.segments.tolist() == [[0.0, 1.0], [79.0, 80.0]]


def test_the_better_of_two_that_overlap_is_kept_best_first() -> None:
    one, two = found((30.0, 36.0, 0.4, 0), (1.0, 3.0, 0.3, 0)), found((10.2, 16.0, 0.8, 2), (30.0, 35.0, 0.9, 1))
    merged = merge_windows(WINDOWS, [one, two, found()])
    assert merged.scores.tolist() == pytest.approx([0.9, 0.8, 0.3])
    assert merged.labels.tolist() == [1, 2, 0]


def test_different_actions_at_one_time_are_both_kept() -> None:
    merged = merge_windows(WINDOWS, [found((22.0, 38.0, 0.9, 0)), found((5.0, 9.0, 0.8, 0)), found()])
    assert len(merged.scores) == 2


def test_one_window_changes_nothing() -> None:
    only = found((0.0, 10.0, 0.5, 0), (0.1, 10.0, 0.4, 0))
    assert merge_windows([Window(0.0, 10.0)], [only]) is only


def test_nothing_found_is_nothing() -> None:
    merged = merge_windows(WINDOWS, [found(), found(), found()])
    assert merged.segments.shape == (0, 2)
    assert merged.scores.shape == merged.labels.shape == (0,)


def test_segments_end_within_the_video() -> None:
    windows = split_windows(100.1, 33.3)
    merged = merge_windows(windows, [found()] * (len(windows) - 1) + [found((1.0, 33.3, 0.5, 0))])
    assert merged.segments.max() <= 100.1
