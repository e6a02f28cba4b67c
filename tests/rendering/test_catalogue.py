from __future__ import annotations

import re

import numpy as np
import pytest

from aher_lightning.rendering.catalogue import MOMENT_CATEGORIES, UNTRIMMED_CATEGORIES
from aher_lightning.rendering.categories import Category

CATEGORIES = UNTRIMMED_CATEGORIES + MOMENT_CATEGORIES


def test_sets_are_large_enough_and_disjoint() -> None:
    names = [category.name for category in CATEGORIES]

    assert min(len(UNTRIMMED_CATEGORIES), len(MOMENT_CATEGORIES)) >= 12
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_both_sets_have_actions_for_two_among_the_first_eight() -> None:
    for categories in (UNTRIMMED_CATEGORIES, MOMENT_CATEGORIES):
        assert {category.sprites for category in categories[:8]} == {1, 2}
        assert len({category.context for category in categories}) == len(categories)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.name)
def test_every_category_is_playable_and_visible(category: Category) -> None:
    for seed in range(5):
        poses = category.perform(40, 10.0, np.random.default_rng(seed))

        assert poses.shape == (category.sprites, 40, 5)
        assert np.abs(poses[..., :2]).max() < 36.0
        assert np.abs(poses[..., 3:]).max() < 0.75
        # Units, or a scale and an angle of a sprite some 8 units large.
        change = np.ptp(poses, axis=1) * np.array([1.0, 1.0, 8.0, 8.0, 8.0])
        assert change.max() > 3.0
