from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering.action_context import Stage
from aher_lightning.rendering.catalogue import MOMENT_CATEGORIES, UNTRIMMED_CATEGORIES
from aher_lightning.rendering.performers import Performance, perform_action, play_bystander, play_performer

STAGE = Stage(96.0, 72.0, 10.0)
CATEGORIES = {category.name: category for category in UNTRIMMED_CATEGORIES + MOMENT_CATEGORIES}


def act(name: str, span: tuple[int, int], seed: int = 0) -> list[Performance]:
    return perform_action(CATEGORIES[name], span, STAGE, 8.0, np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["circling_clockwise", "snaking", "meeting_and_parting", "pacing"])
def test_actions_fit_into_the_frame(name: str) -> None:
    for seed in range(20):
        performed = act(name, (10, 60), seed)
        poses = np.concatenate([performance.poses for performance in performed])

        assert len(performed) == CATEGORIES[name].sprites
        assert performed[0].poses.shape == (50, 5)
        assert poses[:, :2].min() > 0.0
        assert (poses[:, :2].max(axis=0) < (96.0, 72.0)).all()


def test_a_track_plays_each_action_in_its_frames() -> None:
    actions = [act("circling_clockwise", (30, 60))[0], act("shaking_sideways", (90, 130), 1)[0]]
    track = play_performer(200, actions, STAGE, np.random.default_rng(0))

    assert track.shape == (200, 5)
    for action in actions:
        inside = track[action.start : action.end]
        np.testing.assert_array_equal(inside[:, :2], action.poses[:, :2])
        turned = inside[:, 2] - action.poses[:, 2]
        np.testing.assert_allclose(turned, turned[0])


@pytest.mark.parametrize("seed", range(8))
def test_tracks_have_no_jumps(seed: int) -> None:
    actions = [act("pulsing", (40, 80), seed)[0], act("rocking", (96, 130), seed)[0]]
    track = play_performer(200, actions, STAGE, np.random.default_rng(seed))
    steps = np.abs(np.diff(track, axis=0))

    assert steps[:, :2].max() < 30.0
    assert steps[:, 3:].max() < 0.6
    np.testing.assert_allclose(track[-1, 3:], 0.0, atol=1e-9)


@pytest.mark.parametrize("span", [(0, 40), (2, 38), (1, 40)])
def test_actions_may_fill_the_video(span: tuple[int, int]) -> None:
    track = play_performer(40, act("snaking", span), STAGE, np.random.default_rng(0))

    assert track.shape == (40, 5)
    assert np.isfinite(track).all()
    assert np.abs(np.diff(track, axis=0))[:, :2].max() < 100.0


def test_idle_performers_linger() -> None:
    track = play_performer(100, [], STAGE, np.random.default_rng(0))

    assert track.shape == (100, 5)
    assert np.ptp(track[:, :2]) > 1.0


def test_bystanders_move_slowly_and_differ() -> None:
    tracks = [play_bystander(200, STAGE, np.random.default_rng(seed)) for seed in range(30)]
    steps = np.stack([np.abs(np.diff(track[:, :2], axis=0)) for track in tracks])

    # Those that drift by re-enter on the other side, far outside the frame.
    assert np.median(steps) < 1.0
    assert (steps > 30.0).mean() < 0.01
    assert len({track[0, 0] for track in tracks}) > 20
    assert not np.stack(tracks)[..., 3:].any()
