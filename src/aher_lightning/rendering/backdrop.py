"""Backgrounds: a cluttered world larger than the frame, seen through a shaking, drifting camera."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aher_lightning.rendering.motions import FloatArray
from aher_lightning.rendering.sprites import ByteArray, blend, draw_colour, draw_sprite, sample_patches, smooth_noise

_MARGIN = 26.0
"""How far the world reaches beyond the frame on each side, units of 1/72 frame height."""


class _CameraPath(NamedTuple):
    """Where the camera looks in each frame.

    Attributes:
        shake: Displacement of all content, units, ``(n, 2)``.
        drift: Further displacement of the background, units, ``(n, 2)``.
        gain: Brightness in 1/256, at most 256, ``(n,)``.
    """

    shake: FloatArray
    drift: FloatArray
    gain: FloatArray


def _slow_wave(
    num_frames: int, fps: float, period_sec: tuple[float, float], generator: np.random.Generator
) -> FloatArray:
    """A sum of two sines of random periods (range in seconds), in ``[-1, 1]``, shape ``(n,)``."""
    seconds = np.arange(num_frames) / fps
    periods = generator.uniform(*period_sec, size=(2, 1))
    phases = generator.uniform(0.0, 2.0 * np.pi, size=(2, 1))
    waves = np.sin(2.0 * np.pi * seconds / periods + phases)
    return np.asarray(0.65 * waves[0] + 0.35 * waves[1], dtype=np.float64)


def draw_camera(num_frames: int, fps: float, generator: np.random.Generator) -> _CameraPath:
    """Draw the path of a camera with a slow pan, a shaking hand, a drifting background and changing light."""
    pan = _two_waves(num_frames, fps, (6.0, 18.0), generator) * generator.uniform(0.0, 5.0)
    hand = np.zeros((num_frames, 2))
    pushes = generator.normal(size=(num_frames, 2)) * generator.uniform(0.1, 0.7)
    for frame in range(1, num_frames):
        hand[frame] = 0.6 * hand[frame - 1] + pushes[frame]
    drift = _two_waves(num_frames, fps, (5.0, 16.0), generator) * generator.uniform(0.0, 14.0)
    light = _slow_wave(num_frames, fps, (3.0, 12.0), generator)
    gain = 256.0 * (0.9 + generator.uniform(0.0, 0.1) * light)
    return _CameraPath(pan + np.clip(hand, -5.0, 5.0), drift, gain)


def _two_waves(
    num_frames: int, fps: float, period_sec: tuple[float, float], generator: np.random.Generator
) -> FloatArray:
    """Independent slow waves for x and y, shape ``(n, 2)``."""
    return np.stack([_slow_wave(num_frames, fps, period_sec, generator) for _ in range(2)], axis=-1)


def draw_world(height: int, width: int, generator: np.random.Generator) -> ByteArray:
    """Paint a world around a frame of some pixels: noise of several scales and many still, sprite-like things.

    Returns:
        The world in four versions shifted by half pixels, ``(2, 2, H, W, 3)``; first index down.
    """
    unit = height / 72.0
    margin = round(_MARGIN * unit)
    shape = (height + 2 * margin + 2, width + 2 * margin + 2)
    colours = np.zeros((*shape, 3))
    base = draw_colour(generator)
    contrast = generator.uniform(0.3, 0.9)
    for cells, strength in ((3, 0.5), (9, 0.3), (30, 0.2)):
        colours += strength * smooth_noise(shape, cells, 3, generator)
    grey = colours.mean(axis=-1, keepdims=True)
    colours = base + contrast * (0.5 * (colours - 0.5) + 0.5 * (grey - 0.5)) * 2.0
    world = np.asarray(np.clip(colours, 0.0, 1.0) * 255.0, dtype=np.uint8)
    for _ in range(int(generator.integers(6, 22))):
        _place_thing(world, unit, generator)
    return _half_pixel_versions(world)


def _place_thing(world: ByteArray, unit: float, generator: np.random.Generator) -> None:
    """Draw one still thing somewhere."""
    height, width = world.shape[:2]
    thing = draw_sprite(generator.uniform(3.0, 12.0) * unit, generator)
    stretch = generator.uniform(-0.4, 0.4)
    place = (generator.uniform(0.0, width), generator.uniform(0.0, height))
    pose = np.array([[*place, generator.uniform(0.0, 2.0 * np.pi), stretch, -stretch]])
    patches, corners = sample_patches(thing, pose)
    blend(world, patches[0], int(corners[0, 0]), int(corners[0, 1]))


def _half_pixel_versions(world: ByteArray) -> ByteArray:
    """The world and its copies shifted by half a pixel, ``(2, 2, H, W, 3)``."""
    wide = world.astype(np.uint16)
    right = (wide + np.roll(wide, -1, axis=1)) >> 1
    rows = np.stack([wide, right])
    down = (rows + np.roll(rows, -1, axis=1)) >> 1
    return np.ascontiguousarray(np.stack([rows, down]).astype(np.uint8))


def crop_world(world: ByteArray, displacement: FloatArray, height: int, width: int) -> ByteArray:
    """Return what the camera sees of the world in each frame.

    Args:
        world: As from :func:`draw_world`.
        displacement: Of the background on the screen, pixels, ``(n, 2)`` as (x, y); limited to the world's edge.
        height: Height of the frame.
        width: Width of the frame.

    Returns:
        Frames, shape ``(n, height, width, 3)``.
    """
    room = np.array([world.shape[3] - width - 2, world.shape[2] - height - 2])
    halves = np.clip(np.rint(2.0 * (room / 2.0 - displacement)), 0, 2 * room).astype(np.int64)
    frames = np.empty((len(halves), height, width, 3), dtype=np.uint8)
    for frame, (x, y) in zip(frames, halves.tolist(), strict=True):
        frame[...] = world[y & 1, x & 1, y >> 1 : (y >> 1) + height, x >> 1 : (x >> 1) + width]
    return frames
