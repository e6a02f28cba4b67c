"""The categories of the rendered benchmark: motion, range of periods (seconds), range of sizes, usual context."""

from __future__ import annotations

import numpy as np

from aher_lightning.rendering import motions
from aher_lightning.rendering.categories import Category, ContextStyle

UNTRIMMED_CATEGORIES: tuple[Category, ...] = (
    Category(motions.circling_clockwise, (0.8, 1.5), (7.0, 15.0), ContextStyle("glide", "lean", "slide", "leave")),
    Category(
        motions.zigzagging,
        (0.6, 1.1),
        (5.0, 10.0),
        ContextStyle("enter", "twist", "freeze", "steps"),
        reach=(14.0, 24.0),
    ),
    Category(
        motions.hopping_along,
        (0.6, 1.1),
        (6.0, 12.0),
        ContextStyle("steps", "crouch", "sag", "glide"),
        reach=(14.0, 26.0),
        heading=0.0,
    ),
    Category(
        motions.shaking_sideways, (0.45, 0.8), (3.5, 8.0), ContextStyle("arc", "shiver", "wobble", "glide"), heading=0.0
    ),
    Category(motions.spinning_clockwise, (0.7, 1.5), (0.0, 2.0), ContextStyle("glide", "twist", "wobble", "arc")),
    Category(motions.pulsing, (0.6, 1.2), (0.25, 0.5), ContextStyle("arc", "crouch", "freeze", "leave")),
    Category(
        motions.orbiting_each_other, (0.9, 1.7), (8.0, 14.0), ContextStyle("enter", "lean", "slide", "arc"), sprites=2
    ),
    Category(
        motions.pacing,
        (1.6, 2.8),
        (0.0, 0.0),
        ContextStyle("steps", "shiver", "sag", "steps"),
        reach=(12.0, 26.0),
        heading=0.0,
    ),
    Category(motions.tracing_squares, (1.0, 1.9), (8.0, 16.0), ContextStyle("glide", "crouch", "slide", "steps")),
    Category(
        motions.swinging,
        (0.9, 1.6),
        (0.5, 1.0),
        ContextStyle("enter", "lean", "wobble", "leave"),
        reach=(14.0, 24.0),
        heading=0.0,
    ),
    Category(motions.chasing, (1.0, 1.8), (10.0, 17.0), ContextStyle("steps", "twist", "freeze", "arc"), sprites=2),
    Category(motions.stretching, (0.6, 1.2), (0.25, 0.5), ContextStyle("arc", "shiver", "sag", "leave")),
    Category(motions.nodding, (0.7, 1.3), (0.6, 1.2), ContextStyle("glide", "shiver", "freeze", "glide")),
    Category(
        motions.seesawing,
        (0.7, 1.3),
        (5.0, 10.0),
        ContextStyle("arc", "lean", "sag", "steps"),
        reach=(9.0, 14.0),
        heading=0.0,
        sprites=2,
    ),
    Category(motions.tracing_triangles, (0.9, 1.7), (8.0, 16.0), ContextStyle("steps", "lean", "wobble", "leave")),
    Category(motions.darting, (0.7, 1.2), (10.0, 20.0), ContextStyle("enter", "crouch", "wobble", "glide")),
)
"""Categories whose untrimmed videos are annotated for training; smaller benchmarks take the first ones."""

MOMENT_CATEGORIES: tuple[Category, ...] = (
    Category(
        motions.circling_counterclockwise, (0.8, 1.5), (7.0, 15.0), ContextStyle("enter", "twist", "sag", "glide")
    ),
    Category(
        motions.snaking, (0.6, 1.1), (5.0, 10.0), ContextStyle("glide", "shiver", "slide", "arc"), reach=(14.0, 24.0)
    ),
    Category(
        motions.jumping_in_place,
        (0.7, 1.2),
        (8.0, 16.0),
        ContextStyle("steps", "crouch", "wobble", "leave"),
        heading=0.0,
    ),
    Category(
        motions.shaking_up_down,
        (0.45, 0.8),
        (3.5, 8.0),
        ContextStyle("arc", "lean", "freeze", "steps"),
        heading=0.5 * np.pi,
    ),
    Category(
        motions.spinning_counterclockwise, (0.7, 1.5), (0.0, 2.0), ContextStyle("steps", "lean", "slide", "glide")
    ),
    Category(motions.rocking, (0.6, 1.2), (0.5, 1.1), ContextStyle("enter", "crouch", "freeze", "arc")),
    Category(
        motions.meeting_and_parting,
        (0.9, 1.7),
        (5.0, 8.0),
        ContextStyle("glide", "twist", "sag", "steps"),
        reach=(16.0, 26.0),
        sprites=2,
    ),
    Category(motions.tracing_eights, (1.2, 2.2), (10.0, 18.0), ContextStyle("arc", "twist", "wobble", "leave")),
    Category(
        motions.poking,
        (0.9, 1.7),
        (5.0, 8.0),
        ContextStyle("steps", "shiver", "freeze", "leave"),
        reach=(14.0, 20.0),
        sprites=2,
    ),
    Category(motions.spiralling, (0.7, 1.3), (10.0, 18.0), ContextStyle("glide", "lean", "wobble", "steps")),
    Category(motions.throbbing, (0.9, 1.6), (0.3, 0.5), ContextStyle("enter", "shiver", "sag", "leave")),
    Category(
        motions.leapfrogging,
        (1.2, 2.0),
        (10.0, 16.0),
        ContextStyle("arc", "crouch", "slide", "glide"),
        reach=(8.0, 13.0),
        heading=0.0,
        sprites=2,
    ),
    Category(
        motions.rolling, (0.5, 0.9), (0.0, 0.0), ContextStyle("enter", "twist", "slide", "steps"), reach=(14.0, 26.0)
    ),
)
"""Categories known from moments; both within this set and across the two sets, some are easily confused."""
