"""Sprites: textured shapes whose appearance is random and says nothing about any category."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aher_lightning.rendering.motions import FloatArray

ByteArray: TypeAlias = NDArray[np.uint8]

_TEXTURE_SIZE = 48
"""Side of a sprite's texture, texels."""

_HALF = _TEXTURE_SIZE / 2.0
_COVER = 0.88
"""Fraction of the texture's half side that the longest radius of the shape fills: the border stays transparent."""

_EDGE_TEXELS = 1.6


@dataclass(frozen=True)
class Sprite:
    """A textured shape.

    Attributes:
        texture: Colours times opacity and opacity, ``(_TEXTURE_SIZE, _TEXTURE_SIZE, 4)`` uint8.
        radius: Distance from the centre to the farthest point of the shape, in pixels, at scale 1.
    """

    texture: ByteArray
    radius: float


def smooth_noise(shape: tuple[int, int], cells: int, channels: int, generator: np.random.Generator) -> FloatArray:
    """Return value noise: random values on a coarse grid, interpolated linearly.

    Args:
        shape: Height and width of the result.
        cells: Grid cells along the longer side.
        channels: Number of independent channels C.
        generator: Source of randomness.

    Returns:
        Noise in ``[0, 1]``, shape ``(height, width, C)``.
    """
    rows, columns = (max(2, round(cells * side / max(shape)) + 1) for side in shape)
    knots = generator.random((rows, columns, channels))
    return _interpolate(_interpolate(knots, shape[0], axis=0), shape[1], axis=1)


def _interpolate(knots: FloatArray, length: int, axis: int) -> FloatArray:
    """Resample one axis to a length, linearly; no matrix product, whose rounding depends on the machine."""
    position = np.linspace(0.0, knots.shape[axis] - 1.0, length)
    lower = np.minimum(position.astype(np.int64), knots.shape[axis] - 2)
    weight = np.expand_dims(position - lower, [other for other in range(knots.ndim) if other != axis])
    return np.asarray(
        np.take(knots, lower, axis) * (1.0 - weight) + np.take(knots, lower + 1, axis) * weight, dtype=np.float64
    )


def draw_colour(generator: np.random.Generator) -> FloatArray:
    """Return a random RGB colour of any hue, saturation and brightness, in ``[0, 1]``, shape ``(3,)``."""
    hue = generator.uniform(0.0, 1.0)
    saturation = generator.uniform(0.0, 0.9)
    value = generator.uniform(0.15, 1.0)
    wheel = np.abs((hue + np.array([0.0, 2.0 / 3.0, 1.0 / 3.0])) % 1.0 * 6.0 - 3.0) - 1.0
    pure = np.clip(wheel, 0.0, 1.0)
    return np.asarray(value * (1.0 - saturation + saturation * pure), dtype=np.float64)


def draw_sprite(radius: float, generator: np.random.Generator) -> Sprite:
    """Draw the appearance of a sprite of some radius in pixels.

    The outline is a random closed curve, never a circle, and the pattern has no symmetry, so that
    a turn is always visible.
    """
    axis = (np.arange(_TEXTURE_SIZE) + 0.5 - _HALF) / (_HALF * _COVER)
    right, down = np.meshgrid(axis, axis)
    distance, angle = np.hypot(right, down), np.arctan2(down, right)
    outline = _draw_outline(angle, generator)
    opacity = np.clip((outline - distance) * _HALF * _COVER / _EDGE_TEXELS + 0.5, 0.0, 1.0)
    colours = _draw_pattern(right, down, generator)
    rim = np.clip((distance - outline + 0.16) / 0.08, 0.0, 1.0)[..., None] * generator.uniform(0.0, 0.8)
    colours = colours * (1.0 - rim) + draw_colour(generator) * rim
    texels = np.concatenate([colours * opacity[..., None], opacity[..., None]], axis=-1)
    return Sprite(np.asarray(texels * 255.0, dtype=np.uint8), radius)


def _draw_outline(angle: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Radius of the outline at each angle, at most 1."""
    frequencies = np.arange(1, 6)
    strengths = generator.normal(size=5) * np.array([0.12, 0.28, 0.16, 0.12, 0.08])
    phases = generator.uniform(0.0, 2.0 * np.pi, 5)
    waves = (np.cos(angle[..., None] * frequencies + phases) * strengths).sum(axis=-1)
    outline = np.clip(1.0 + waves, 0.35, None)
    return np.asarray(outline / outline.max(), dtype=np.float64)


def _draw_pattern(right: FloatArray, down: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Colours ``(size, size, 3)``: two colours mixed by a random pattern, a spot off the centre, and noise."""
    first, second, spot_colour = draw_colour(generator), draw_colour(generator), draw_colour(generator)
    if np.abs(first - second).max() < 0.3:
        second = (second + 0.5) % 1.0
    turn = generator.uniform(0.0, 2.0 * np.pi)
    along = right * np.cos(turn) + down * np.sin(turn)
    across = down * np.cos(turn) - right * np.sin(turn)
    waves = generator.uniform(2.0, 7.0)
    kind = generator.integers(4)
    if kind == 0:
        mix = np.sin(along * waves)
    elif kind == 1:
        mix = np.sin(along * waves) * np.sin(across * waves)
    elif kind == 2:
        mix = along * 2.0
    else:
        mix = (smooth_noise(right.shape, int(generator.integers(3, 8)), 1, generator)[..., 0] - 0.5) * 5.0
    weight = np.clip(0.5 + 1.5 * mix, 0.0, 1.0)[..., None]
    colours = first * (1.0 - weight) + second * weight
    where, size = generator.uniform(0.2, 0.6), generator.uniform(0.15, 0.4)
    away = np.hypot(right - where * np.cos(turn + 1.0), down - where * np.sin(turn + 1.0))
    spot = np.clip((size - away) / 0.08 + 0.5, 0.0, 1.0)[..., None]
    colours = colours * (1.0 - spot) + spot_colour * spot
    noise = smooth_noise(right.shape, 12, 3, generator) - 0.5
    return np.asarray(np.clip(colours + generator.uniform(0.0, 0.4) * noise, 0.0, 1.0), dtype=np.float64)


def sample_patches(sprite: Sprite, poses: FloatArray) -> tuple[ByteArray, NDArray[np.int64]]:
    """Return the sprite as it looks in each pose, in patches that fit it.

    Sprites are sampled at the nearest texel; the texture is finer than the pixels, so motion by
    fractions of a pixel shows.

    Args:
        sprite: What to draw.
        poses: Poses in pixels, fields as in :mod:`~.motions`, shape ``(n, 5)``.

    Returns:
        Patches ``(n, p, p, 4)`` and their upper left corners ``(n, 2)`` as (x, y) pixels.
    """
    scales = np.exp(poses[:, 3:5])
    half = int(np.ceil(sprite.radius * scales.max())) + 1
    whole = np.floor(poses[:, :2])
    offsets = np.arange(-half, half + 1)[None] + 0.5
    right, down = (offsets - (poses[:, k : k + 1] - whole[:, k : k + 1]) for k in (0, 1))  # (n, p) each
    cos, sin = np.cos(poses[:, 2:3]), np.sin(poses[:, 2:3])
    texels_per_pixel = _HALF * _COVER / sprite.radius / scales  # (n, 2)
    columns = _texels(right * cos, down * sin, texels_per_pixel[:, :1])
    rows = _texels(-right * sin, down * cos, texels_per_pixel[:, 1:])
    rows *= _TEXTURE_SIZE
    rows += columns
    packed = sprite.texture.reshape(-1, 4).view(np.uint32)[:, 0]
    side = 2 * half + 1
    patches = packed[rows].view(np.uint8).reshape(len(poses), side, side, 4)
    return patches, whole.astype(np.int64) - half


def _texels(horizontal: FloatArray, vertical: FloatArray, texels_per_pixel: FloatArray) -> NDArray[np.int32]:
    """Texel indices ``(n, p, p)`` along one axis of the texture, clamped to its transparent border."""
    horizontal = (horizontal * texels_per_pixel).astype(np.float32)
    vertical = (vertical * texels_per_pixel + _HALF).astype(np.float32)
    position = horizontal[:, None, :] + vertical[:, :, None]
    np.clip(position, 0.0, _TEXTURE_SIZE - 1.0, out=position)
    return position.astype(np.int32)


def blend(frame: ByteArray, patch: ByteArray, left: int, top: int) -> None:
    """Draw a patch over a frame, in place; what lies outside the frame is cut off.

    Args:
        frame: Picture, shape ``(height, width, 3)``.
        patch: Colours times opacity and opacity, shape ``(p, p, 4)``.
        left: Column of the patch's left edge, may be outside.
        top: Row of the patch's upper edge, may be outside.
    """
    height, width = frame.shape[:2]
    size = patch.shape[0]
    first_row, last_row = max(0, -top), min(size, height - top)
    first_column, last_column = max(0, -left), min(size, width - left)
    if first_row >= last_row or first_column >= last_column:
        return
    patch = patch[first_row:last_row, first_column:last_column]
    view = frame[top + first_row : top + last_row, left + first_column : left + last_column]
    # 16 bits hold 255 * 256; the sum below never exceeds 255.
    behind = np.multiply(view, 256 - patch[..., 3:].astype(np.uint16), dtype=np.uint16)
    behind >>= 8
    behind += patch[..., :3]
    view[...] = behind
