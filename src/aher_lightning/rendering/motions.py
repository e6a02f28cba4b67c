"""Motions: how the pose of one or two sprites changes over the cycles of an action.

A pose is (x, y, angle, log_width, log_height): position in units of 1/72 of the frame height, rotation in radians,
logarithms of the two scale factors. As x points right and y points down, a growing angle turns clockwise on the screen.
Every motion is centred on the origin and independent of the sprite's size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]

_TURN = 2.0 * np.pi


class MotionDraw(NamedTuple):
    """The free parameters of one performance of a motion.

    Attributes:
        size: Characteristic length in units, angle in radians or logarithm of a scale, as the motion needs.
        reach: How far a travelling motion goes to either side, or how far two sprites stand apart, in units.
        heading: Direction of the motion, radians.
        direction: +1.0 or -1.0 where the category leaves the sense of rotation open.
        shape: Free number in ``[0, 1]`` for proportions.
        start: Phase of the first frame, cycles.
    """

    size: float
    reach: float
    heading: float
    direction: float
    shape: float
    start: float


Motion: TypeAlias = Callable[[FloatArray, MotionDraw], FloatArray]
"""Takes cycles ``(n,)`` and the draw, returns poses ``(sprites, n, 5)``."""


def _triangle_wave(cycles: FloatArray) -> FloatArray:
    """A triangle wave of period 1 between -1 (at 0) and 1 (at 0.5), same shape."""
    return 1.0 - 2.0 * np.abs(2.0 * (cycles - np.floor(cycles)) - 1.0)


def smooth_step(position: FloatArray) -> FloatArray:
    """Return the cubic ease from 0 to 1 of positions of any shape: flat at both ends, constant outside ``[0, 1]``.

    Example:
        >>> smooth_step(np.array([-1.0, 0.5, 2.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    clipped = np.clip(position, 0.0, 1.0)
    return clipped * clipped * (3.0 - 2.0 * clipped)


def _pose(
    along: FloatArray | float = 0.0,
    across: FloatArray | float = 0.0,
    *,
    heading: float = 0.0,
    angle: FloatArray | float = 0.0,
    log_width: FloatArray | float = 0.0,
    log_height: FloatArray | float = 0.0,
) -> FloatArray:
    """Stack poses ``(n, 5)`` from displacements along and across the heading."""
    cos, sin = np.cos(heading), np.sin(heading)
    fields = (cos * along - sin * across, sin * along + cos * across, angle, log_width, log_height)
    return np.stack(np.broadcast_arrays(*fields), axis=-1).astype(np.float64)


def _hop(cycles: FloatArray, airborne: float) -> FloatArray:
    """Height in [0, 1] of a ballistic hop that fills the given fraction of each cycle."""
    flight = np.clip((cycles - np.floor(cycles)) / airborne, 0.0, 1.0)
    return 4.0 * flight * (1.0 - flight)


def _polygon(cycles: FloatArray, corners: int) -> tuple[FloatArray, FloatArray]:
    """Coordinates of a point that walks clockwise along a regular polygon, one turn per cycle."""
    angles = _TURN * np.arange(corners + 1) / corners
    position = (cycles - np.floor(cycles)) * corners
    knots = np.arange(corners + 1, dtype=np.float64)
    return np.interp(position, knots, np.cos(angles)), np.interp(position, knots, np.sin(angles))


def _squeeze(draw: MotionDraw) -> float:
    """How flat a closed path is, 0.65 to 1."""
    return 0.65 + 0.35 * draw.shape


def _circle(cycles: FloatArray, draw: MotionDraw, sense: float) -> FloatArray:
    """An ellipse; sense +1 runs clockwise on the screen."""
    phase = _TURN * cycles * sense
    return _pose(draw.size * np.cos(phase), draw.size * _squeeze(draw) * np.sin(phase), heading=draw.heading)[None]


def circling_clockwise(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Run along an ellipse, clockwise."""
    return _circle(cycles, draw, 1.0)


def circling_counterclockwise(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Run along an ellipse, counterclockwise."""
    return _circle(cycles, draw, -1.0)


def tracing_eights(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Run along a figure eight; the two lobes turn in opposite senses."""
    phase = _TURN * cycles * draw.direction
    across = 0.75 * draw.size * _squeeze(draw) * np.sin(2.0 * phase)
    return _pose(draw.size * np.sin(phase), across, heading=draw.heading)[None]


def tracing_squares(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Run along a square with straight sides and sharp corners."""
    along, across = _polygon(cycles * draw.direction, 4)
    return _pose(draw.size * along, draw.size * across, heading=draw.heading)[None]


def tracing_triangles(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Run along a triangle."""
    along, across = _polygon(cycles * draw.direction, 3)
    return _pose(draw.size * along, draw.size * across, heading=draw.heading)[None]


def spiralling(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Circle while the radius grows and shrinks over four turns."""
    phase = _TURN * cycles * draw.direction
    radius = draw.size * (0.55 + 0.45 * _triangle_wave(cycles / 4.0))
    return _pose(radius * np.cos(phase), radius * np.sin(phase), heading=draw.heading)[None]


def snaking(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Travel to and fro on a smooth wave."""
    along = draw.reach * _triangle_wave(cycles / (3.0 + 2.0 * draw.shape))
    return _pose(along, draw.size * np.sin(_TURN * cycles), heading=draw.heading)[None]


def zigzagging(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Travel to and fro on a wave with straight flanks and sharp turns."""
    along = draw.reach * _triangle_wave(cycles / (3.0 + 2.0 * draw.shape))
    return _pose(along, draw.size * _triangle_wave(cycles), heading=draw.heading)[None]


def hopping_along(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Travel to and fro in ballistic hops."""
    along = draw.reach * _triangle_wave(cycles / (4.0 + 2.0 * draw.shape))
    height = draw.size * _hop(cycles, 0.8 + 0.2 * draw.shape)
    return _pose(along, -height, heading=draw.heading)[None]


def jumping_in_place(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Jump straight up and rest shortly on the ground, bending the knees."""
    airborne = 0.6 + 0.2 * draw.shape
    height = _hop(cycles, airborne)
    ground = np.clip((cycles - np.floor(cycles) - airborne) / (1.0 - airborne), 0.0, 1.0)
    bend = -0.3 * np.sin(np.pi * ground)
    return _pose(0.0, -draw.size * height, heading=draw.heading, log_height=bend)[None]


def shaking_sideways(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Oscillate quickly along the heading, around one place."""
    return _pose(draw.size * np.sin(_TURN * cycles), 0.0, heading=draw.heading)[None]


def shaking_up_down(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Oscillate as in :func:`shaking_sideways`; the heading of its category makes the difference."""
    return shaking_sideways(cycles, draw)


def pacing(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Go to and fro along the heading and stop at both ends."""
    stop = 0.3 + 0.3 * draw.shape
    along = np.clip(_triangle_wave(cycles) * (1.0 + stop), -1.0, 1.0)
    return _pose(draw.reach * along, 0.0, heading=draw.heading)[None]


def darting(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Dash out and back, every time in another direction."""
    turn = draw.heading + draw.direction * _TURN * (0.3 + 0.15 * draw.shape) * np.floor(cycles)
    out = draw.size * np.clip(1.6 * (1.0 + _triangle_wave(cycles)) / 2.0, 0.0, 1.0)
    return _pose(out * np.cos(turn), out * np.sin(turn))[None]


def _spin(cycles: FloatArray, draw: MotionDraw, sense: float) -> FloatArray:
    """Turn around a point close to its centre; sense +1 is clockwise on the screen."""
    angle = _TURN * cycles * sense
    return _pose(draw.size * np.cos(angle), draw.size * np.sin(angle), heading=draw.heading, angle=angle)[None]


def spinning_clockwise(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Turn around a point close to its centre, clockwise."""
    return _spin(cycles, draw, 1.0)


def spinning_counterclockwise(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Turn around a point close to its centre, counterclockwise."""
    return _spin(cycles, draw, -1.0)


def rocking(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Turn to and fro around its centre."""
    return _pose(angle=draw.size * np.sin(_TURN * cycles))[None]


def nodding(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Tilt quickly to one side and come back slowly."""
    position = cycles - np.floor(cycles)
    tilt = np.interp(position, np.array([0.0, 0.25, 1.0]), np.array([0.0, 1.0, 0.0]))
    return _pose(angle=draw.direction * draw.size * tilt)[None]


def rolling(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Travel to and fro and turn like a wheel."""
    stroke = _triangle_wave(cycles / 3.0)
    turns = 1.5 * (stroke + 1.0) / 2.0
    return _pose(draw.reach * stroke, 0.0, heading=draw.heading, angle=_TURN * turns)[None]


def swinging(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Swing like a pendulum that hangs from a point above."""
    swing = draw.size * np.sin(_TURN * cycles)
    rope = draw.reach
    return _pose(rope * np.sin(swing), rope * (np.cos(swing) - 1.0), heading=draw.heading, angle=-swing)[None]


def pulsing(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Grow and shrink evenly."""
    scale = draw.size * np.sin(_TURN * cycles)
    return _pose(log_width=scale, log_height=scale)[None]


def throbbing(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Grow in two quick beats, then rest, like a heart."""
    position = cycles - np.floor(cycles)
    first = np.maximum(0.0, 1.0 - np.abs(position - 0.15) / 0.15)
    second = np.maximum(0.0, 1.0 - np.abs(position - 0.45) / 0.15)
    scale = 1.4 * draw.size * (first + (0.6 + 0.4 * draw.shape) * second)
    return _pose(log_width=scale, log_height=scale)[None]


def stretching(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Become long and thin, then short and broad."""
    scale = draw.size * np.sin(_TURN * cycles)
    return _pose(log_width=scale, log_height=-scale)[None]


def orbiting_each_other(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Two sprites run around their common centre, opposite to each other."""
    first = _circle(cycles * draw.direction, draw, 1.0)
    return np.concatenate([first, -first])


def chasing(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Two sprites run along one closed path, one close behind the other."""
    lag = 0.16 + 0.08 * draw.shape
    leader = _circle(cycles * draw.direction, draw, 1.0)
    follower = _circle((cycles - lag) * draw.direction, draw, 1.0)
    return np.concatenate([leader, follower])


def meeting_and_parting(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Two sprites approach and retreat from each other, both moving."""
    distance = draw.size + (draw.reach - draw.size) * (0.5 - 0.5 * np.cos(_TURN * cycles))
    first = _pose(distance, 0.0, heading=draw.heading)[None]
    return np.concatenate([first, -first])


def poking(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """One sprite approaches and retreats from another one that stays."""
    distance = draw.size + (draw.reach - draw.size) * (0.5 - 0.5 * np.cos(_TURN * cycles))
    mover = _pose(2.0 * distance - draw.reach, 0.0, heading=draw.heading)
    target = _pose(np.full_like(cycles, -draw.reach), 0.0, heading=draw.heading)
    return np.stack([mover, target])


def seesawing(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Two sprites beside each other go up and down in turn."""
    across = draw.size * np.sin(_TURN * cycles)
    first = _pose(np.full_like(cycles, draw.reach), across, heading=draw.heading)[None]
    return np.concatenate([first, -first])


def leapfrogging(cycles: FloatArray, draw: MotionDraw) -> FloatArray:
    """Two sprites beside each other change places in hops, one over the other in turn."""
    half = np.floor(2.0 * cycles)
    position = 2.0 * cycles - half
    side = np.where(half % 2 == 0, -1.0, 1.0) * (1.0 - 2.0 * smooth_step(position)) * draw.reach
    hop = draw.size * 4.0 * position * (1.0 - position)
    first = _pose(side, np.where(half % 2 == 0, -hop, 0.0), heading=draw.heading)
    second = _pose(-side, np.where(half % 2 == 0, 0.0, -hop), heading=draw.heading)
    return np.stack([first, second])
