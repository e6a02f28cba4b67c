"""Context: what performers and bystanders do while no action happens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aher_lightning.rendering.categories import APPROACHES, EXITS, SETTLES, WIND_UPS, ContextStyle
from aher_lightning.rendering.motions import FloatArray, smooth_step

_STYLE_FIDELITY = 0.75
"""Probability that each part of the context is the category's usual one; otherwise any is drawn."""

WIND_UP_SEC = (0.4, 1.0)
SETTLE_SEC = (0.4, 1.0)
WALK_SEC = (0.9, 2.2)


class Stage(NamedTuple):
    """Where sprites may stay.

    Attributes:
        width: Width of the frame, units of 1/72 frame height.
        height: Height of the frame, 72 units.
        fps: Frames per second.
    """

    width: float
    height: float
    fps: float


def draw_style(usual: ContextStyle, generator: np.random.Generator) -> ContextStyle:
    """Draw the context of one performance: each part is the category's usual one with :data:`_STYLE_FIDELITY`."""
    keep = generator.random(4) < _STYLE_FIDELITY
    others = generator.integers(4, size=4)
    return ContextStyle(
        usual.approach if keep[0] else APPROACHES[others[0]],
        usual.wind_up if keep[1] else WIND_UPS[others[1]],
        usual.settle if keep[2] else SETTLES[others[2]],
        usual.exit if keep[3] else EXITS[others[3]],
    )


def draw_rest(stage: Stage, generator: np.random.Generator, *, is_outside: bool = False) -> FloatArray:
    """Draw a pose in which a sprite waits, beside the frame or in it: ``(5,)``, its angle 0."""
    margin = 8.0
    x = generator.uniform(margin, stage.width - margin)
    y = generator.uniform(margin, stage.height - margin)
    if is_outside:
        x = -16.0 if generator.random() < 0.5 else stage.width + 16.0
    return np.array([x, y, 0.0, 0.0, 0.0])


def smooth_path(num_frames: int, knots_sec: float, fps: float, generator: np.random.Generator) -> FloatArray:
    """Return smooth irregular motion around 0 that starts and ends at 0.

    Args:
        num_frames: Number of frames n.
        knots_sec: Time between changes of direction, seconds.
        fps: Frames per second.
        generator: Source of randomness.

    Returns:
        Position and angle, each roughly in ``[-1, 1]``, shape ``(n, 3)``.
    """
    spacing = knots_sec * fps
    knots = generator.uniform(-1.0, 1.0, size=(int(num_frames / spacing) + 3, 3))
    position = np.arange(num_frames) / spacing
    lower = position.astype(np.int64)
    weight = smooth_step(position - lower)[:, None]
    edge = np.minimum(np.arange(num_frames) + 1, num_frames - np.arange(num_frames)) / fps
    window = smooth_step(edge / 0.6)[:, None]
    return (knots[lower] * (1.0 - weight) + knots[lower + 1] * weight) * window


def walk(begin: FloatArray, end: FloatArray, num_frames: int, how: str, generator: np.random.Generator) -> FloatArray:
    """Return poses ``(n, 5)`` that lead from one pose to another.

    Args:
        begin: Pose before the first frame, shape ``(5,)``.
        end: Pose in the last frame, shape ``(5,)``.
        num_frames: Number of frames n; may be 0.
        how: An approach or exit; "enter" and "leave" walk straight, their other end lies outside.
        generator: Source of randomness.
    """
    position = (np.arange(num_frames) + 1.0) / max(num_frames, 1)
    bulge = generator.uniform(6.0, 14.0) * generator.choice((-1.0, 1.0))
    strides = int(generator.integers(2, 5))
    ease = smooth_step(position)
    if how == "steps":
        ease = (np.floor(strides * position) + smooth_step(1.5 * (strides * position % 1.0))) / strides
        ease = np.minimum(ease, 1.0)
    poses = begin + (end - begin) * ease[:, None]
    if how == "arc":
        aside = np.array([begin[1] - end[1], end[0] - begin[0]])
        aside = aside / max(float(np.hypot(*aside)), 1.0)
        poses[:, :2] += bulge * np.sin(np.pi * ease)[:, None] * aside
    return poses


def wind_up(pose: FloatArray, num_frames: int, how: str, generator: np.random.Generator) -> FloatArray:
    """Return poses ``(n, 5)`` right before an action, ending close to its first pose ``(5,)``; n may be 0."""
    position = (np.arange(num_frames) + 1.0) / (num_frames + 1.0)
    bump = np.sin(np.pi * position)
    sign = generator.choice((-1.0, 1.0))
    strength = generator.uniform(0.7, 1.3)
    poses = np.tile(pose, (num_frames, 1))
    if how == "crouch":
        poses[:, 4] -= 0.4 * strength * bump
        poses[:, 3] += 0.15 * strength * bump
    elif how == "lean":
        poses[:, 0] += sign * 5.0 * strength * bump
        poses[:, 2] += sign * 0.25 * strength * bump
    elif how == "shiver":
        poses[:, 2] += 0.18 * strength * bump * np.where(np.arange(num_frames) % 2 == 0, 1.0, -1.0)
    else:
        poses[:, 2] += sign * 0.7 * strength * bump
    return poses


def settle(pose: FloatArray, num_frames: int, how: str, generator: np.random.Generator) -> FloatArray:
    """Return poses ``(n, 5)`` right after an action, from its last pose ``(5,)`` back to normal size; n may be 0."""
    position = (np.arange(num_frames) + 1.0) / max(num_frames, 1)
    decay = 1.0 - smooth_step(position)
    sign = generator.choice((-1.0, 1.0))
    strength = generator.uniform(0.7, 1.3)
    poses = np.tile(pose, (num_frames, 1))
    poses[:, 3:] *= decay[:, None]
    if how == "wobble":
        poses[:, 2] += sign * 0.35 * strength * np.sin(3.0 * np.pi * position) * decay
    elif how == "sag":
        poses[:, 4] -= 0.35 * strength * np.sin(np.pi * position)
    elif how == "slide":
        aside = generator.uniform(0.0, 2.0 * np.pi)
        poses[:, :2] += 5.0 * strength * (1.0 - decay)[:, None] * np.array([np.cos(aside), np.sin(aside)])
    return poses


def linger(pose: FloatArray, num_frames: int, stage: Stage, generator: np.random.Generator) -> FloatArray:
    """Return idling and strolling from a pose ``(5,)``; ends in its size and angle, elsewhere.

    Returns:
        Poses, shape ``(n, 5)``; n may be 0.
    """
    parts: list[FloatArray] = []
    here, left = pose, num_frames
    while left > 0:
        frames = min(left, max(1, round(generator.uniform(1.0, 4.0) * stage.fps)))
        there = here
        if frames > stage.fps and generator.random() < 0.5:
            there = draw_rest(stage, generator, is_outside=generator.random() < 0.2)
            there[2:] = here[2:]
        how = APPROACHES[generator.integers(3)]
        part = walk(here, there, frames, how, generator)
        part[:, :3] += smooth_path(frames, 0.9, stage.fps, generator) * (3.0, 3.0, generator.uniform(0.0, 0.35))
        parts.append(part)
        here, left = there, left - frames
    return np.concatenate(parts) if parts else np.zeros((0, 5))
