from __future__ import annotations

import numpy as np

from aher_lightning.rendering.backdrop import _MARGIN, _slow_wave, crop_world, draw_camera, draw_world


def test_waves_stay_in_range_and_are_slow() -> None:
    wave = _slow_wave(400, 10.0, (5.0, 8.0), np.random.default_rng(0))

    assert np.abs(wave).max() <= 1.0
    assert np.abs(np.diff(wave)).max() < 0.13


def test_the_camera_moves_within_the_world() -> None:
    for seed in range(20):
        camera = draw_camera(300, 10.0, np.random.default_rng(seed))
        displacement = camera.shake + camera.drift

        assert displacement.shape == (300, 2)
        assert np.abs(displacement).max() <= _MARGIN
        assert np.ptp(displacement, axis=0).max() > 0.1
        assert 200.0 <= camera.gain.min() <= camera.gain.max() <= 256.0


def test_worlds_are_larger_than_frames_and_differ() -> None:
    first, second = (draw_world(36, 48, np.random.default_rng(seed)) for seed in (0, 1))

    assert first.shape == (2, 2, 36 + 28, 48 + 28, 3)
    assert np.abs(first.astype(int) - second.astype(int)).mean() > 5.0


def test_crops_follow_the_displacement() -> None:
    world = draw_world(36, 48, np.random.default_rng(0))
    still, moved, half = crop_world(world, np.array([[0.0, 0.0], [3.0, -2.0], [0.5, 0.0]]), 36, 48)

    np.testing.assert_array_equal(moved[:-2, 3:], still[2:, :-3])
    mean = (still[:, 1:].astype(int) + still[:, :-1]) >> 1
    np.testing.assert_array_equal(half[:, 1:], mean)


def test_crops_never_leave_the_world() -> None:
    world = draw_world(36, 48, np.random.default_rng(0))
    frames = crop_world(world, np.array([[1e4, 1e4], [-1e4, -1e4]]), 36, 48)

    np.testing.assert_array_equal(frames[0], world[0, 0, :36, :48])
    assert frames.shape == (2, 36, 48, 3)
