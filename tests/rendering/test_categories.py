from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aher_lightning.rendering import motions
from aher_lightning.rendering.categories import _UPRIGHT_SPREAD, Category, ContextStyle

CATEGORY = Category(
    motions.circling_clockwise,
    period_sec=(1.0, 2.0),
    size=(5.0, 6.0),
    context=ContextStyle("glide", "lean", "sag", "arc"),
)


def test_draws_stay_in_their_ranges() -> None:
    generator = np.random.default_rng(0)
    draws = [CATEGORY.draw(generator) for _ in range(200)]

    assert all(5.0 <= draw.size <= 6.0 and draw.reach == 0.0 for draw in draws)
    assert {draw.direction for draw in draws} == {-1.0, 1.0}
    assert np.ptp([draw.heading for draw in draws]) > 5.0


def test_upright_motions_stay_upright() -> None:
    upright = dataclasses.replace(CATEGORY, heading=0.0)
    headings = [upright.draw(np.random.default_rng(seed)).heading for seed in range(100)]

    assert max(map(abs, headings)) <= _UPRIGHT_SPREAD
    assert np.std(headings) > 0.05


def test_a_performance_has_the_asked_period() -> None:
    poses = CATEGORY.perform(600, 20.0, np.random.default_rng(1))
    turned = np.unwrap(np.arctan2(poses[0, :, 1], poses[0, :, 0]))

    assert poses.shape == (1, 600, 5)
    assert 30.0 / 2.1 < abs(turned[-1] - turned[0]) / (2.0 * np.pi) < 30.0 / 0.9


def test_performances_differ_but_repeat_with_the_seed() -> None:
    first, again, other = (CATEGORY.perform(10, 10.0, np.random.default_rng(seed)) for seed in (3, 3, 4))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("num_frames", [1, 2])
def test_short_performances(num_frames: int) -> None:
    poses = CATEGORY.perform(num_frames, 10.0, np.random.default_rng(0))

    assert poses.shape == (1, num_frames, 5)
    assert np.isfinite(poses).all()
