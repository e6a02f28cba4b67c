from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering.catalogue import MOMENT_CATEGORIES, UNTRIMMED_CATEGORIES
from aher_lightning.rendering.categories import Category
from aher_lightning.rendering.scene import _CAST_SIZES, Action, Canvas, Scene, draw_scene, render_frames

CANVAS = Canvas(48, 36, 10)


def scene_of(category: Category, seed: int, num_frames: int = 20) -> Scene:
    return draw_scene(CANVAS, num_frames, [Action(category, 0, num_frames)], np.random.default_rng(seed))


def test_the_canvas_knows_its_units() -> None:
    assert CANVAS.unit == 0.5
    assert CANVAS.stage == (96.0, 72.0, 10.0)


def test_frames_have_the_canvas_size_and_move() -> None:
    frames = np.stack(list(render_frames(scene_of(UNTRIMMED_CATEGORIES[0], 0, 70))))

    assert frames.shape == (70, 36, 48, 3)
    assert frames.dtype == np.uint8
    changes = np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2, 3))
    assert changes.min() > 0.1


def test_the_same_seed_gives_the_same_frames() -> None:
    first, again, other = (list(render_frames(scene_of(MOMENT_CATEGORIES[2], seed))) for seed in (1, 1, 2))

    np.testing.assert_array_equal(first, again)
    assert (np.stack(first) != np.stack(other)).mean() > 0.5


def test_brightness_follows_the_gain() -> None:
    scene = scene_of(UNTRIMMED_CATEGORIES[0], 0, 2)
    bright, dark = (next(render_frames(scene._replace(gain=np.full(2, gain)))) for gain in (256.0, 128.0))

    np.testing.assert_array_equal(dark, bright >> 1)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_but_the_motion_depends_on_the_category(seed: int) -> None:
    """One performer or two, from either set: the same seed gives the same world, cast, appearance and camera."""
    scenes = [scene_of(category, seed, 4) for category in (UNTRIMMED_CATEGORIES[0], MOMENT_CATEGORIES[6])]
    first, second = scenes

    np.testing.assert_array_equal(first.world, second.world)
    np.testing.assert_array_equal(first.displacement, second.displacement)
    textures = [sorted(sprite.texture.tobytes() for sprite in scene.sprites) for scene in scenes]
    assert textures[0] == textures[1]
    assert len(first.sprites) in _CAST_SIZES
    assert first.tracks.shape == second.tracks.shape
    assert (first.tracks != second.tracks).any()


def test_single_frames_do_not_give_the_category_away() -> None:
    """Colour statistics of first frames: a nearest-mean classifier does no better than chance."""
    features, labels = [], []
    for label, category in enumerate(MOMENT_CATEGORIES[:2]):
        for seed in range(40):
            frame = next(render_frames(scene_of(category, 1000 * label + seed, 2))).reshape(-1, 3)
            features.append(np.concatenate([frame.mean(axis=0), frame.std(axis=0)]))
            labels.append(label)
    table, truth = np.stack(features), np.array(labels)
    table = (table - table.mean(axis=0)) / table.std(axis=0)
    is_training = np.arange(len(truth)) % 2 == 0
    means = np.stack([table[is_training & (truth == label)].mean(axis=0) for label in range(2)])
    guesses = np.argmin(((table[~is_training, None] - means) ** 2).sum(axis=-1), axis=1)

    assert (guesses == truth[~is_training]).mean() < 0.7
    assert set(guesses) == {0, 1}
