from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering.action_context import (
    _STYLE_FIDELITY,
    Stage,
    draw_rest,
    draw_style,
    linger,
    settle,
    smooth_path,
    walk,
    wind_up,
)
from aher_lightning.rendering.categories import APPROACHES, EXITS, SETTLES, WIND_UPS, ContextStyle

STAGE = Stage(96.0, 72.0, 10.0)
HERE = np.array([20.0, 30.0, 0.5, 0.2, -0.2])
THERE = np.array([60.0, 40.0, 1.0, 0.0, 0.0])


def test_styles_are_mostly_the_usual_one() -> None:
    usual = ContextStyle("arc", "twist", "wobble", "leave")
    generator = np.random.default_rng(0)
    drawn = np.array([draw_style(usual, generator) for _ in range(400)])
    shares = (drawn == np.array(usual)).mean(axis=0)

    assert np.abs(shares - (_STYLE_FIDELITY + (1 - _STYLE_FIDELITY) / 4)).max() < 0.07
    assert set(drawn[:, 0]) == set(APPROACHES)
    assert set(drawn[:, 3]) == set(EXITS)


@pytest.mark.parametrize("is_outside", [False, True])
def test_rests_lie_where_they_should(is_outside: bool) -> None:
    rests = np.stack([draw_rest(STAGE, np.random.default_rng(seed), is_outside=is_outside) for seed in range(50)])
    is_inside = (rests[:, 0] > 0) & (rests[:, 0] < 96)

    assert (is_inside != is_outside).all()
    assert not rests[:, 2:].any()


@pytest.mark.parametrize("how", [*APPROACHES, "leave"])
def test_walks_arrive(how: str) -> None:
    poses = walk(HERE, THERE, 15, how, np.random.default_rng(0))

    np.testing.assert_allclose(poses[-1], THERE, atol=1e-9)
    assert np.hypot(*np.diff(np.vstack([HERE, poses])[:, :2], axis=0).T).max() < 15.0
    assert walk(HERE, THERE, 0, how, np.random.default_rng(0)).shape == (0, 5)


@pytest.mark.parametrize("how", WIND_UPS)
def test_wind_ups_are_visible_and_end_near_the_action(how: str) -> None:
    poses = wind_up(HERE, 9, how, np.random.default_rng(0))
    change = np.abs(poses - HERE)

    assert change.max() > 0.12
    assert change[-1].max() < change.max()
    assert wind_up(HERE, 0, how, np.random.default_rng(0)).shape == (0, 5)


@pytest.mark.parametrize("how", SETTLES)
def test_settling_restores_the_size(how: str) -> None:
    poses = settle(HERE, 9, how, np.random.default_rng(0))

    np.testing.assert_allclose(poses[-1, 3:], 0.0, atol=1e-9)
    assert np.abs(poses[0, :2] - HERE[:2]).max() < 2.0
    assert settle(HERE, 0, how, np.random.default_rng(0)).shape == (0, 5)


def test_lingering_is_continuous() -> None:
    poses = linger(THERE, 300, STAGE, np.random.default_rng(0))
    steps = np.abs(np.diff(np.vstack([THERE, poses]), axis=0))

    assert poses.shape == (300, 5)
    assert steps[:, :2].max() < 20.0
    assert steps[:, 2].max() < 0.4
    assert np.ptp(poses[:, 0]) > 5.0
    assert linger(THERE, 0, STAGE, np.random.default_rng(0)).shape == (0, 5)


def test_smooth_paths_start_and_end_at_rest() -> None:
    path = smooth_path(100, 0.5, 10.0, np.random.default_rng(0))

    assert np.abs(path[[0, -1]]).max() < 0.1
    assert 0.3 < np.abs(path).max() <= 1.0
