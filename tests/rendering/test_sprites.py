from __future__ import annotations

import numpy as np
import pytest

from aher_lightning.rendering.sprites import (
    _TEXTURE_SIZE,
    blend,
    draw_colour,
    draw_sprite,
    sample_patches,
    smooth_noise,
)


def test_noise_fills_its_shape_within_its_range() -> None:
    noise = smooth_noise((20, 30), 5, 2, np.random.default_rng(0))

    assert noise.shape == (20, 30, 2)
    assert 0.0 <= noise.min() < 0.3 < 0.7 < noise.max() <= 1.0
    assert np.abs(np.diff(noise, axis=1)).max() < 0.25


def test_colours_are_colours() -> None:
    colours = np.stack([draw_colour(np.random.default_rng(seed)) for seed in range(50)])

    assert colours.shape == (50, 3)
    assert colours.min() >= 0.0
    assert colours.max() <= 1.0
    assert colours.std(axis=0).min() > 0.15


def test_a_sprite_has_a_transparent_border_and_colours_no_brighter_than_its_opacity() -> None:
    texture = draw_sprite(6.0, np.random.default_rng(0)).texture

    assert texture.shape == (_TEXTURE_SIZE, _TEXTURE_SIZE, 4)
    assert not texture[[0, -1]].any()
    assert not texture[:, [0, -1]].any()
    assert (texture[..., :3] <= texture[..., 3:]).all()
    assert texture[..., 3].max() == 255


def test_a_sprite_fits_into_its_patch_and_follows_its_position() -> None:
    sprite = draw_sprite(6.0, np.random.default_rng(1))
    poses = np.array([[10.0, 20.0, 0.0, 0.0, 0.0], [13.0, 18.0, 0.0, 0.0, 0.0], [10.0, 20.0, 1.0, 0.3, -0.3]])
    patches, corners = sample_patches(sprite, poses)

    assert patches.dtype == np.uint8
    np.testing.assert_array_equal(corners[1] - corners[0], [3, -2])
    np.testing.assert_array_equal(patches[0], patches[1])
    assert not patches[:, 0].any()
    assert not patches[:, :, -1].any()
    assert (patches[0] != patches[2]).any()


def test_scale_changes_the_area_and_a_full_turn_changes_nothing() -> None:
    sprite = draw_sprite(6.0, np.random.default_rng(2))
    poses = np.zeros((3, 5))
    poses[1, 3:] = np.log(2.0)
    poses[2, 2] = 2.0 * np.pi
    patches, _ = sample_patches(sprite, poses)
    areas = patches[..., 3].astype(np.float64).sum(axis=(1, 2))

    assert areas[1] / areas[0] == pytest.approx(4.0, rel=0.03)
    assert np.abs(patches[0].astype(int) - patches[2].astype(int)).mean() < 0.5


def test_blending_follows_the_opacity() -> None:
    frame = np.full((4, 4, 3), 200, np.uint8)
    patch = np.zeros((2, 2, 4), np.uint8)
    patch[0, 0] = (255, 0, 0, 255)
    patch[0, 1] = (64, 64, 64, 128)
    blend(frame, patch, 1, 1)

    assert frame[1, 1].tolist() == [255, 0, 0]
    assert frame[1, 2].tolist() == [164, 164, 164]
    assert (frame[2:] == 200).all()


@pytest.mark.parametrize(("left", "top"), [(-5, 0), (0, 9), (-1, -1), (7, 7)])
def test_blending_cuts_off_what_lies_outside(left: int, top: int) -> None:
    frame = np.zeros((8, 8, 3), np.uint8)
    blend(frame, np.full((2, 2, 4), 255, np.uint8), left, top)
    inside = max(0, min(8, left + 2) - max(0, left)) * max(0, min(8, top + 2) - max(0, top))

    assert (frame[..., 0] == 255).sum() == inside
    assert frame.shape == (8, 8, 3)
