from __future__ import annotations

import pytest
import torch

from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.suppression import HardNMS, SoftNMS
from aher_lightning.ops.windows import Window, merge_windows, split_windows
from aher_lightning.structures import Candidates, Detections

WINDOWS = split_windows(80.0, 40.0)  # 0 to 40, 20 to 60, 40 to 80


def found(*rows: tuple[float, float, float, int], window_sec: float = 40.0) -> Candidates:
    """Return the candidates of a window from start and end in seconds after its start, score and label."""
    segments = torch.tensor([row[:2] for row in rows], dtype=torch.float64).reshape(1, -1, 2) / window_sec
    scores, labels = torch.tensor([row[2] for row in rows]), torch.tensor([row[3] for row in rows], dtype=torch.int64)
    return Candidates(segments, scores.reshape(1, -1, 1), labels.reshape(1, -1, 1))


def as_seen(start_sec: float, end_sec: float, score: float) -> list[Candidates]:
    """What each window would find of one action, cut off at its ends."""
    seen = []
    for window in WINDOWS:
        start, end = max(start_sec, window.start_sec), min(end_sec, window.end_sec)
        rows = [(start - window.start_sec, end - window.start_sec, score, 1)] if end > start else []
        seen.append(found(*rows))
    return seen


def merged_detections(windows: list[Window], seen: list[Candidates], duration_sec: float = 80.0) -> Detections:
    """Return what a decoder makes of the merged windows."""
    decoder = DetectionDecoder(suppression=HardNMS(0.7), top_categories=1)
    merged = merge_windows(windows, seen, duration_sec)
    (detections,) = decoder.select(merged, torch.tensor([duration_sec], dtype=torch.float64), len(windows))
    return detections


@pytest.mark.parametrize("start_sec", [0.0, 3.0, 15.0, 19.0, 21.0, 30.0, 38.0, 39.9, 41.0, 55.0, 70.0])
def test_an_action_is_found_once_and_whole_wherever_it_lies(start_sec: float) -> None:
    merged = merged_detections(WINDOWS, as_seen(start_sec, start_sec + 10.0, 0.5))
    assert merged.segments.tolist() == [[pytest.approx(start_sec), pytest.approx(start_sec + 10.0)]]
    assert merged.labels.tolist() == [1]


def test_an_action_longer_than_a_window_is_kept_in_parts() -> None:
    merged = merged_detections(WINDOWS, as_seen(5.0, 75.0, 0.5))
    assert merged.segments[:, 0].min() == 5.0
    assert merged.segments[:, 1].max() == 75.0
    assert len(merged.scores) == 3


def test_the_ends_of_the_video_cut_nothing_off() -> None:
    first, last = found((0.0, 1.0, 0.9, 0)), found((39.0, 40.0, 0.8, 2))
    merged = merged_detections(WINDOWS, [first, found(), last])
    assert merged.segments.tolist() == [[0.0, 1.0], [79.0, 80.0]]


def test_the_better_of_two_that_overlap_is_kept_best_first() -> None:
    one, two = found((30.0, 36.0, 0.4, 0), (1.0, 3.0, 0.3, 0)), found((10.2, 16.0, 0.8, 2), (30.0, 35.0, 0.9, 1))
    merged = merged_detections(WINDOWS, [one, two, found()])
    assert merged.scores.tolist() == pytest.approx([0.9, 0.8, 0.3])
    assert merged.labels.tolist() == [1, 2, 0]


def test_different_actions_at_one_time_are_both_kept() -> None:
    merged = merged_detections(WINDOWS, [found((22.0, 38.0, 0.9, 0)), found((5.0, 9.0, 0.8, 0)), found()])
    assert len(merged.scores) == 2


def test_repetitions_across_windows_lose_as_much_score_as_those_within_one() -> None:
    rows = [(22.0, 30.0, 0.9, 0), (23.0, 30.0, 0.8, 0), (21.0, 31.0, 0.7, 0)]
    whole = found(*rows, window_sec=80.0)
    apart = [found(rows[0], rows[2]), found((3.0, 10.0, 0.8, 0)), found()]
    decoder, duration = DetectionDecoder(suppression=SoftNMS()), torch.tensor([80.0], dtype=torch.float64)
    (expected,) = decoder.select(whole, duration)
    (merged,) = decoder.select(merge_windows(WINDOWS, apart, 80.0), duration, 2)
    torch.testing.assert_close(merged.scores, expected.scores)
    torch.testing.assert_close(merged.segments, expected.segments)


def test_one_window_changes_nothing() -> None:
    only = found((0.0, 10.0, 0.5, 0), (0.1, 10.0, 0.4, 0))
    assert merge_windows([Window(0.0, 10.0)], [only], 10.0) is only


def test_absent_candidates_are_left_out() -> None:
    seen = found((1.0, 2.0, 0.5, 0), (5.0, 5.0, -torch.inf, 0))
    assert merge_windows(WINDOWS, [seen, found(), found()], 80.0).scores.tolist() == [[[0.5]]]


def test_nothing_found_is_nothing() -> None:
    merged = merged_detections(WINDOWS, [found(), found(), found()])
    assert merged.segments.shape == (0, 2)
    assert merged.scores.shape == merged.labels.shape == (0,)


def test_segments_end_within_the_video() -> None:
    windows = split_windows(100.1, 33.3)
    last = found((1.0, 33.3, 0.5, 0), window_sec=33.3)
    merged = merged_detections(windows, [found()] * (len(windows) - 1) + [last], 100.1)
    assert 100 < merged.segments.max() <= 100.1
