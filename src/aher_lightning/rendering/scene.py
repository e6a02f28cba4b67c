"""Scenes: everything that one video shows, and its frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from aher_lightning.rendering.action_context import Stage
from aher_lightning.rendering.backdrop import crop_world, draw_camera, draw_world
from aher_lightning.rendering.categories import Category
from aher_lightning.rendering.motions import FloatArray
from aher_lightning.rendering.performers import Performance, perform_action, play_bystander, play_performer
from aher_lightning.rendering.sprites import ByteArray, Sprite, blend, draw_sprite, sample_patches

_RADIUS = (7.0, 13.0)
"""Range of sprite radii, units of 1/72 frame height."""

_CAST_SIZES = {2: 0.35, 3: 0.4, 4: 0.25}
"""Probability of each number of sprites, performers and bystanders together: the same for all categories."""

_CHUNK_FRAMES = 64


class Canvas(NamedTuple):
    """Format of the frames: width and height in pixels, frames per second."""

    width: int
    height: int
    fps: int

    @property
    def unit(self) -> float:
        """Pixels per unit of 1/72 frame height."""
        return self.height / 72.0

    @property
    def stage(self) -> Stage:
        """The stage that the canvas shows."""
        return Stage(self.width / self.unit, 72.0, float(self.fps))


class Action(NamedTuple):
    """One action of a video: its category, the first frame of the motion, and the frame after the last one."""

    category: Category
    start: int
    end: int


class Scene(NamedTuple):
    """Everything that one video shows.

    Attributes:
        canvas: Format.
        world: The world behind, as from :func:`background.draw_world`.
        displacement: Where the world stands on the screen, pixels, ``(n, 2)``.
        gain: Brightness per frame in 1/256, ``(n,)``.
        sprites: Back to front.
        tracks: Pose of each sprite in each frame, pixels, ``(S, n, 5)``.
    """

    canvas: Canvas
    world: ByteArray
    displacement: FloatArray
    gain: FloatArray
    sprites: list[Sprite]
    tracks: FloatArray


def draw_scene(canvas: Canvas, num_frames: int, actions: list[Action], generator: np.random.Generator) -> Scene:
    """Draw a video of the actions, in which no other motion resembles one.

    Only the motion and context of the performers depend on the categories; the first sprite of the cast plays every
    action, the second one joins in actions for two.

    Args:
        canvas: Format.
        num_frames: Length n of the video, frames.
        actions: In order of time, not overlapping.
        generator: Source of randomness.
    """
    world = draw_world(canvas.height, canvas.width, generator)
    camera = draw_camera(num_frames, canvas.fps, generator)
    cast = int(generator.choice(list(_CAST_SIZES), p=list(_CAST_SIZES.values())))
    radii = generator.uniform(*_RADIUS, size=cast)
    sprites = [draw_sprite(radius * canvas.unit, generator) for radius in radii.tolist()]
    tracks = _draw_tracks(canvas.stage, num_frames, actions, radii, generator)
    tracks[..., :2] = (tracks[..., :2] + camera.shake) * canvas.unit
    depth = generator.permutation(cast)
    displacement = (camera.shake + camera.drift) * canvas.unit
    return Scene(canvas, world, displacement, camera.gain, [sprites[index] for index in depth], tracks[depth])


def _draw_tracks(
    stage: Stage, num_frames: int, actions: list[Action], radii: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """Tracks of the whole cast in units, ``(S, n, 5)``."""
    roles: list[list[Performance]] = [[], []]
    for action in actions:
        span = (action.start, action.end)
        played = perform_action(action.category, span, stage, float(radii[:2].max()), generator)
        for role, performance in zip(roles, played, strict=False):
            role.append(performance)
    tracks = [play_performer(num_frames, role, stage, generator) for role in roles if role]
    tracks += [play_bystander(num_frames, stage, generator) for _ in range(len(radii) - len(tracks))]
    return np.stack(tracks)


def render_frames(scene: Scene) -> Iterator[ByteArray]:
    """Yield the RGB frames of a scene, shape ``(height, width, 3)``."""
    for start in range(0, len(scene.gain), _CHUNK_FRAMES):
        yield from _render_chunk(scene, slice(start, start + _CHUNK_FRAMES))


def _render_chunk(scene: Scene, span: slice) -> ByteArray:
    """Frames of a span, ``(n, height, width, 3)``."""
    frames = crop_world(scene.world, scene.displacement[span], scene.canvas.height, scene.canvas.width)
    for sprite, track in zip(scene.sprites, scene.tracks[:, span], strict=True):
        patches, corners = sample_patches(sprite, track)
        for frame, patch, (left, top) in zip(frames, patches, corners.tolist(), strict=True):
            blend(frame, patch, left, top)
    gains = np.rint(scene.gain[span]).astype(np.uint16)
    for frame, gain in zip(frames, gains, strict=True):
        np.right_shift(np.multiply(frame, gain, dtype=np.uint16), 8, out=frame, casting="unsafe")
    return frames
