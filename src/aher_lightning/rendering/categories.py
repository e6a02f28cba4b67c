"""What a category is: a motion, how fast and how large it may be, and the usual context around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from aher_lightning.rendering.motions import FloatArray, Motion, MotionDraw

Approach: TypeAlias = Literal["glide", "arc", "steps", "enter"]
WindUp: TypeAlias = Literal["crouch", "lean", "shiver", "twist"]
Settle: TypeAlias = Literal["wobble", "sag", "slide", "freeze"]
Exit: TypeAlias = Literal["glide", "arc", "steps", "leave"]

APPROACHES: tuple[Approach, ...] = ("glide", "arc", "steps", "enter")
WIND_UPS: tuple[WindUp, ...] = ("crouch", "lean", "shiver", "twist")
SETTLES: tuple[Settle, ...] = ("wobble", "sag", "slide", "freeze")
EXITS: tuple[Exit, ...] = ("glide", "arc", "steps", "leave")

Span: TypeAlias = tuple[float, float]

_UPRIGHT_SPREAD = 0.26
"""Largest tilt of motions with an up and down, radians (15 degrees)."""


class ContextStyle(NamedTuple):
    """What a performer does before and after an action.

    Attributes:
        approach: How it comes to the place of the action.
        wind_up: What it does right before the action.
        settle: What it does right after the action.
        exit: How it leaves.
    """

    approach: Approach
    wind_up: WindUp
    settle: Settle
    exit: Exit


@dataclass(frozen=True)
class Category:
    """An action category, named after its motion: words joined by underscores, a folder name on every system.

    Attributes:
        motion: The motion that makes the action.
        period_sec: Range of the duration of one cycle, seconds.
        size: Range of :attr:`MotionDraw.size`.
        context: Usual context.
        reach: Range of :attr:`MotionDraw.reach`.
        heading: Mean heading in radians of motions with an up and down; ``None`` for any heading.
        sprites: How many sprites perform, 1 or 2.
    """

    motion: Motion
    period_sec: Span
    size: Span
    context: ContextStyle
    reach: Span = (0.0, 0.0)
    heading: float | None = None
    sprites: int = 1

    @property
    def name(self) -> str:
        """Name of the category."""
        return self.motion.__name__

    def draw(self, generator: np.random.Generator) -> MotionDraw:
        """Draw the parameters of one performance."""
        if self.heading is None:
            heading = generator.uniform(0.0, 2.0 * np.pi)
        else:
            heading = self.heading + generator.uniform(-_UPRIGHT_SPREAD, _UPRIGHT_SPREAD)
        return MotionDraw(
            size=generator.uniform(*self.size),
            reach=generator.uniform(*self.reach),
            heading=heading,
            direction=float(generator.choice((-1.0, 1.0))),
            shape=generator.uniform(),
            start=generator.uniform(),
        )

    def perform(self, num_frames: int, fps: float, generator: np.random.Generator) -> FloatArray:
        """Return the poses of one performance around the origin.

        The speed varies by some 10 % within a performance, and over the whole range of periods between performances.

        Args:
            num_frames: Length n of the performance in frames, at least 1.
            fps: Frames per second.
            generator: Source of randomness.

        Returns:
            Poses, fields as in :mod:`~.motions`, shape ``(sprites, n, 5)``.
        """
        draw = self.draw(generator)
        period = np.exp(generator.uniform(*np.log(self.period_sec)))
        seconds = np.arange(num_frames) / fps
        slow = 2.0 * np.pi * (seconds / generator.uniform(4.0, 9.0) + generator.uniform())
        cycles = draw.start + seconds / period + 0.08 * (np.sin(slow) - np.sin(slow[:1]))
        return self.motion(cycles, draw)
