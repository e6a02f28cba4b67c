"""Performers and bystanders: complete pose tracks, actions set into their context."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aher_lightning.rendering.action_context import (
    SETTLE_SEC,
    WALK_SEC,
    WIND_UP_SEC,
    Stage,
    draw_rest,
    draw_style,
    linger,
    settle,
    smooth_path,
    walk,
    wind_up,
)
from aher_lightning.rendering.categories import Category, ContextStyle
from aher_lightning.rendering.motions import FloatArray


class Performance(NamedTuple):
    """One action in a video, as a performer plays it.

    Attributes:
        start: First frame in which the motion runs.
        end: Frame after the last one.
        poses: Poses on the stage, ``(end - start, 5)``.
        style: Context around it.
    """

    start: int
    end: int
    poses: FloatArray
    style: ContextStyle


def perform_action(
    category: Category, span: tuple[int, int], stage: Stage, radius: float, generator: np.random.Generator
) -> list[Performance]:
    """Place one performance of a category on the stage, within the frame if it fits.

    Args:
        category: What is performed.
        span: First frame, and frame after the last one.
        stage: Where.
        radius: Radius of the largest performer, units.
        generator: Source of randomness.

    Returns:
        One entry per performer, 1 or 2.
    """
    start, end = span
    offsets = category.perform(end - start, stage.fps, generator)  # (sprites, n, 5)
    anchor = np.zeros(5)
    for axis, length in enumerate((stage.width, stage.height)):
        margin = 0.6 * radius
        low = margin - offsets[..., axis].min()
        high = length - margin - offsets[..., axis].max()
        anchor[axis] = generator.uniform(low, high) if low < high else (low + high) / 2.0
    style = draw_style(category.context, generator)
    return [Performance(start, end, anchor + poses, style) for poses in offsets]


def play_performer(
    num_frames: int, performances: list[Performance], stage: Stage, generator: np.random.Generator
) -> FloatArray:
    """Return the track ``(n, 5)`` of a sprite that performs actions, with context between them.

    A performer turns as a whole: an action keeps the angle at which the sprite arrived.

    Args:
        num_frames: Length n of the video, frames.
        performances: In order of time, not overlapping; may be empty.
        stage: Where.
        generator: Source of randomness.
    """
    track = np.zeros((num_frames, 5))
    cursor, previous = 0, None
    for performance in performances:
        poses = performance.poses.copy()
        before = track[cursor - 1, 2] if previous is not None else generator.uniform(0.0, 2.0 * np.pi)
        poses[:, 2] += before + generator.uniform(-0.6, 0.6) - poses[0, 2]
        current = performance._replace(poses=poses)
        track[cursor : performance.start] = _fill_gap(performance.start - cursor, previous, current, stage, generator)
        track[performance.start : performance.end] = poses
        cursor, previous = performance.end, current
    track[cursor:] = _fill_gap(num_frames - cursor, previous, None, stage, generator)
    return track


def _fill_gap(
    num_frames: int,
    before: Performance | None,
    after: Performance | None,
    stage: Stage,
    generator: np.random.Generator,
) -> FloatArray:
    """Poses ``(n, 5)`` between two performances: settle, exit, linger, approach, wind up."""
    lengths = np.zeros(4)
    if before is not None:
        lengths[0], lengths[1] = generator.uniform(*SETTLE_SEC), generator.uniform(*WALK_SEC)
    if after is not None:
        lengths[2], lengths[3] = generator.uniform(*WALK_SEC), generator.uniform(*WIND_UP_SEC)
    wanted = lengths * stage.fps
    frames = (wanted * min(1.0, num_frames / max(float(wanted.sum()), 1.0))).astype(np.int64)
    idle = num_frames - int(frames.sum())
    settling = _settling(before, int(frames[0]), generator)
    here = _last(settling, before, after)
    is_outside = _is_rest_outside(before, after, idle, stage)
    rest = draw_rest(stage, generator, is_outside=is_outside)
    rest[2] = here[2]
    leaving = walk(here, rest, int(frames[1]), before.style.exit, generator) if before is not None else np.zeros((0, 5))
    lingering = linger(rest, idle, stage, generator)
    here = lingering[-1] if idle else rest
    if after is None:
        return np.concatenate([settling, leaving, lingering])
    first = after.poses[0]
    coming = walk(here, first, int(frames[2]), after.style.approach, generator)
    winding = wind_up(first, int(frames[3]), after.style.wind_up, generator)
    return np.concatenate([settling, leaving, lingering, coming, winding])


def _settling(before: Performance | None, num_frames: int, generator: np.random.Generator) -> FloatArray:
    """Poses right after a performance; none without one."""
    if before is None:
        return np.zeros((0, 5))
    return settle(before.poses[-1], num_frames, before.style.settle, generator)


def _last(poses: FloatArray, before: Performance | None, after: Performance | None) -> FloatArray:
    """The pose from which a gap continues."""
    here: FloatArray = np.zeros(5)
    if len(poses):
        here = poses[-1]
    elif before is not None:
        here = before.poses[-1]
    elif after is not None:
        here[2] = after.poses[0, 2]
    return here


def _is_rest_outside(before: Performance | None, after: Performance | None, idle: int, stage: Stage) -> bool:
    """Whether the performer waits beside the frame; not in gaps too short to go out and come back."""
    leaves = before is not None and before.style.exit == "leave"
    enters = after is not None and after.style.approach == "enter"
    return (leaves or enters) and idle > 0.5 * stage.fps


def play_bystander(num_frames: int, stage: Stage, generator: np.random.Generator) -> FloatArray:
    """Return the track ``(n, 5)`` of a sprite without actions: it strolls, fidgets, drifts by or turns slowly."""
    start = draw_rest(stage, generator, is_outside=generator.random() < 0.15)
    start[2] = generator.uniform(0.0, 2.0 * np.pi)
    kind = generator.choice(("stroll", "fidget", "drift", "turn"))
    if kind == "stroll":
        return linger(start, num_frames, stage, generator)
    knots_sec, reach = (0.5, (6.0, 6.0, 0.8)) if kind == "fidget" else (3.0, (12.0, 12.0, 2.5))
    wandering = smooth_path(num_frames, knots_sec, stage.fps, generator)  # (n, 3)
    track: FloatArray = np.tile(start, (num_frames, 1))
    track[:, :3] += generator.uniform(0.4, 1.0) * wandering * np.array(reach)
    if kind == "drift":
        speed = generator.uniform(3.0, 14.0) * generator.choice((-1.0, 1.0)) / stage.fps
        span = stage.width + 40.0
        track[:, 0] = (track[:, 0] + 20.0 + speed * np.arange(num_frames)) % span - 20.0
    return track
