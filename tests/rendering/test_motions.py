from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering import motions
from aher_lightning.rendering.motions import Motion, MotionDraw, _triangle_wave, smooth_step

DRAW = MotionDraw(size=8.0, reach=20.0, heading=0.0, direction=1.0, shape=0.5, start=0.0)
PERIODS = {
    motions.circling_clockwise: 1,
    motions.tracing_eights: 1,
    motions.tracing_squares: 1,
    motions.tracing_triangles: 1,
    motions.spiralling: 4,
    motions.snaking: 4,
    motions.zigzagging: 4,
    motions.hopping_along: 5,
    motions.jumping_in_place: 1,
    motions.shaking_sideways: 1,
    motions.pacing: 1,
    motions.rocking: 1,
    motions.nodding: 1,
    motions.swinging: 1,
    motions.pulsing: 1,
    motions.throbbing: 1,
    motions.stretching: 1,
    motions.orbiting_each_other: 1,
    motions.chasing: 1,
    motions.meeting_and_parting: 1,
    motions.poking: 1,
    motions.seesawing: 1,
    motions.leapfrogging: 1,
    motions.rolling: 3,
}


def signed_area(poses: np.ndarray) -> float:
    """Twice the signed area of a path; positive is clockwise on a screen whose y points down."""
    x, y = poses[:, 0], poses[:, 1]
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


@pytest.mark.parametrize(("motion", "period"), PERIODS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_motions_repeat_and_move(motion: Motion, period: int) -> None:
    # Zigzags and the like travel at a pace of their own: shape 0.5 makes their stroke this many cycles long.
    cycles = np.linspace(0.03, 0.97 * period, 50)
    first, second = motion(cycles, DRAW), motion(cycles + period, DRAW)

    assert first.shape in {(1, 50, 5), (2, 50, 5)}
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.ptp(first, axis=1).max() > 0.3


@pytest.mark.parametrize(
    ("motion", "sign"), [(motions.circling_clockwise, 1.0), (motions.circling_counterclockwise, -1.0)]
)
@pytest.mark.parametrize("heading", [0.0, 2.0])
def test_circles_turn_the_way_they_are_called(motion: Motion, sign: float, heading: float) -> None:
    poses = motion(np.linspace(0.0, 1.0, 40, endpoint=False), DRAW._replace(heading=heading))[0]

    assert np.sign(signed_area(poses)) == sign
    assert np.hypot(poses[:, 0], poses[:, 1]).max() == pytest.approx(8.0)


def test_lobes_of_an_eight_cancel() -> None:
    poses = motions.tracing_eights(np.linspace(0.0, 1.0, 400, endpoint=False), DRAW)[0]

    assert signed_area(poses) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp(poses[:, 0]) > np.ptp(poses[:, 1]) > 0.0


def test_spins_turn_in_place_and_oppositely() -> None:
    cycles = np.linspace(0.0, 3.0, 30)
    clockwise = motions.spinning_clockwise(cycles, DRAW._replace(size=0.0))[0]
    counterclockwise = motions.spinning_counterclockwise(cycles, DRAW._replace(size=0.0))[0]

    np.testing.assert_allclose(clockwise[:, 2], 2.0 * np.pi * cycles)
    np.testing.assert_allclose(counterclockwise[:, 2], -clockwise[:, 2])
    assert not clockwise[:, :2].any()


def test_jumps_go_up_and_end_on_the_ground() -> None:
    poses = motions.jumping_in_place(np.linspace(0.0, 1.0, 101), DRAW)[0]

    assert poses[:, 1].min() == pytest.approx(-8.0, abs=0.05)
    assert poses[:, 1].max() == 0.0
    assert poses[-1, 1] == 0.0


def test_darts_start_at_one_place_in_new_directions() -> None:
    poses = motions.darting(np.array([0.0, 0.5, 1.0, 1.5]), DRAW)[0]

    assert np.hypot(*poses[[0, 2], :2].T).max() == pytest.approx(0.0)
    assert np.hypot(*(poses[1, :2] - poses[3, :2])) > 4.0


def test_pairs_meet_without_touching_centres() -> None:
    cycles = np.linspace(0.0, 1.0, 50)
    for motion in (motions.meeting_and_parting, motions.poking):
        first, second = motion(cycles, DRAW)
        distance = np.hypot(*(first - second)[:, :2].T)
        assert distance.min() == pytest.approx(16.0)
        assert distance.max() == pytest.approx(40.0, rel=0.01)


def test_only_one_of_a_poking_pair_moves() -> None:
    mover, target = motions.poking(np.linspace(0.0, 1.0, 20), DRAW)

    assert np.ptp(target, axis=0).max() == 0.0
    assert np.ptp(mover[:, 0]) > 10.0


def test_orbits_are_opposite_and_chases_close() -> None:
    cycles = np.linspace(0.0, 1.0, 40, endpoint=False)
    orbit = motions.orbiting_each_other(cycles, DRAW)
    leader, follower = motions.chasing(cycles, DRAW)

    np.testing.assert_allclose(orbit[0], -orbit[1])
    np.testing.assert_allclose(np.roll(leader, 8, axis=0), follower, atol=1e-9)  # a lag of 0.2 cycles


def test_waves() -> None:
    np.testing.assert_allclose(_triangle_wave(np.array([-0.25, 0.5, 2.75])), [0.0, 1.0, 0.0])
    np.testing.assert_allclose(smooth_step(np.array([0.0, 0.25, 1.0])), [0.0, 0.15625, 1.0])
