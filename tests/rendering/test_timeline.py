from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering.timeline import (
    _ACTION_SEC,
    _EDGE_GAP_SEC,
    _INNER_GAP_SEC,
    draw_recording,
    draw_timeline,
)

TIMELINES = [draw_timeline(380, 10.0, np.random.default_rng(seed)) for seed in range(300)]


def test_actions_are_in_order_with_gaps() -> None:
    for spans in TIMELINES:
        edges = [-_INNER_GAP_SEC * 10, *(edge for span in spans for edge in span)]
        gaps = np.diff(edges)[0::2]

        assert (gaps[1:] >= _INNER_GAP_SEC * 10 - 1).all()
        assert spans[0][0] >= _EDGE_GAP_SEC * 10 - 1
        assert spans[-1][1] <= 380 - _EDGE_GAP_SEC * 10 + 1


def test_durations_vary_over_an_order_of_magnitude() -> None:
    seconds = np.array([(end - start) / 10.0 for spans in TIMELINES for start, end in spans])

    assert _ACTION_SEC[0] - 0.05 <= seconds.min() < 2.0
    assert 14.0 < seconds.max() <= _ACTION_SEC[1] + 0.05
    assert 3.0 < np.median(seconds) < 6.5


def test_counts_and_background_vary() -> None:
    counts = np.bincount([len(spans) for spans in TIMELINES], minlength=6)
    covered = np.array([sum(end - start for start, end in spans) / 380 for spans in TIMELINES])

    assert (counts[1:5] > 10).all()
    assert counts[0] == 0
    assert 0.25 < covered.mean() < 0.5


@pytest.mark.parametrize("num_frames", [20, 50])
def test_one_action_is_cut_down_in_short_videos(num_frames: int) -> None:
    for seed in range(30):
        spans = draw_timeline(num_frames, 10.0, np.random.default_rng(seed))

        assert len(spans) >= 1
        assert 0 < spans[0][0] < spans[-1][1] < num_frames


@pytest.mark.parametrize("seed", range(5))
def test_recordings_hold_short_actions_far_apart(seed: int) -> None:
    spans = draw_recording(36_000, 10.0, 18, np.random.default_rng(seed))

    assert len(spans) == 18
    assert all(20 <= end - start <= 40 for start, end in spans)
    assert 0.01 < sum(end - start for start, end in spans) / 36_000 < 0.02
    edges = np.array(spans).flatten()
    assert (np.diff(edges) > 0).all()
    assert np.median(np.diff(edges)[1::2]) > 600  # a minute


def test_a_short_recording_holds_as_many_actions_as_fit() -> None:
    spans = draw_recording(200, 10.0, 18, np.random.default_rng(0))

    assert len(spans) == 3
    assert spans[0][0] > 0
    assert spans[-1][1] < 200
    assert len(draw_recording(60, 10.0, 18, np.random.default_rng(0))) == 1
