"""The rendered benchmark: real video files with the structure of ActivityNet and Kinetics."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from aher_lightning.errors import DataError
from aher_lightning.files.atomic import atomic_folder
from aher_lightning.rendering.encoding import write_video
from aher_lightning.rendering.plan import GROUPS, BenchmarkParameters, VideoTask, list_videos
from aher_lightning.rendering.scene import Action, draw_scene, render_frames
from aher_lightning.rendering.timeline import draw_timeline
from aher_lightning.video.encoders import choose_encoder

RENDERER_VERSION = 1
"""Raised whenever the same parameters give other videos."""

SECOND_CATEGORY_SHARE = 0.04
"""How many of the untrimmed videos show two categories; nearly all videos of ActivityNet show one."""

MOMENT_SEC = (2.0, 6.0)
"""Range of durations of moments, seconds."""

ProgressReport = Callable[[int, int], None]
"""Is told how many videos are finished, and how many there are."""


class Instance(NamedTuple):
    """An annotated action.

    Attributes:
        label: Name of the category.
        start: First frame of the motion.
        end: Frame after the last one.
    """

    label: str
    start: int
    end: int


class RenderedVideo(NamedTuple):
    """What was written for one task.

    Attributes:
        task: The task.
        num_frames: Length of the video.
        instances: Actions in order; a moment is one action from its first to its last frame.
    """

    task: VideoTask
    num_frames: int
    instances: list[Instance]


class RenderResult(NamedTuple):
    """Outcome of :func:`render_benchmark`.

    Attributes:
        output: The benchmark's folder.
        is_reused: Whether the folder already held this benchmark.
        counts: Videos per group, actions in untrimmed videos, and frames.
    """

    output: Path
    is_reused: bool
    counts: dict[str, int]


def render_benchmark(
    output: Path,
    parameters: BenchmarkParameters,
    *,
    workers: int = 1,
    report: ProgressReport | None = None,
) -> RenderResult:
    """Render a benchmark into a folder that appears complete or not at all.

    The same parameters give the same videos whatever the number of workers: every video has its own random
    generator, seeded by the benchmark's seed, the video's group and its number.

    Args:
        output: Folder to create; may exist if it is empty or holds this very benchmark, which is then reused.
        parameters: What to render.
        workers: Number of processes.
        report: Called after each video.

    Returns:
        Where it lies and how large it is.

    Raises:
        DataError: If the folder holds something else or cannot be written.
        VideoError: If there is no H.264 encoder.
    """
    counts = find_benchmark(output, parameters)
    if counts is not None:
        return RenderResult(output, True, counts)
    choose_encoder()
    try:
        with atomic_folder(output, DataError) as folder:
            videos = list(_render_all(folder, parameters, workers, report))
            counts = _write_records(folder, parameters, videos)
    except BrokenProcessPool as error:
        raise DataError(f"a worker rendering {output} was killed: try again with --workers 1") from error
    return RenderResult(output, False, counts)


def find_benchmark(output: Path, parameters: BenchmarkParameters) -> dict[str, int] | None:
    """Return the counts of a complete benchmark with these parameters, or ``None`` where there is nothing yet.

    Args:
        output: Folder of the benchmark.
        parameters: What it should hold.

    Returns:
        Its counts, or ``None`` if the folder is missing or empty.

    Raises:
        DataError: If the folder holds anything else.
    """
    if not output.exists():
        return None
    if not output.is_dir():
        raise DataError(f"{output} is a file: choose another --output")
    if not any(output.iterdir()):
        return None
    remedy = "choose another --output or delete it"
    try:
        recorded = json.loads((output / "benchmark.json").read_text(encoding="utf-8"))
        counts = {str(name): int(count) for name, count in recorded["counts"].items()}
        found, version = dict(recorded["parameters"]), recorded["version"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{output} is not empty and holds no rendered benchmark: {remedy}") from error
    if version != RENDERER_VERSION:
        raise DataError(f"{output} was rendered by version {version}, this is version {RENDERER_VERSION}: {remedy}")
    for name, value in asdict(parameters).items():
        if found.get(name) != value:
            raise DataError(f"{output} holds a benchmark with {name}={found.get(name)}, not {value}: {remedy}")
    missing = [task.path for task in list_videos(parameters) if not (output / task.path).is_file()]
    if missing:
        raise DataError(f"{output} lacks {len(missing)} of its videos ({missing[0]} first): delete it and render again")
    return counts


def _render_all(
    folder: Path, parameters: BenchmarkParameters, workers: int, report: ProgressReport | None
) -> Iterator[RenderedVideo]:
    """Render all videos, in order."""
    tasks = list_videos(parameters)
    for parent in {(folder / task.path).parent for task in tasks} | {folder / "videos", folder / "moments"}:
        parent.mkdir(parents=True, exist_ok=True)
    render = partial(render_video, folder, parameters)
    if workers <= 1:
        yield from _counted(map(render, tasks), len(tasks), report)
        return
    # Spawned, not forked: the caller may have threads running.
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from _counted(executor.map(render, tasks, chunksize=4), len(tasks), report)
    finally:
        executor.shutdown(cancel_futures=True)


def _counted(videos: Iterator[RenderedVideo], total: int, report: ProgressReport | None) -> Iterator[RenderedVideo]:
    """Pass videos on and report each."""
    for done, video in enumerate(videos, start=1):
        if report is not None:
            report(done, total)
        yield video


def render_video(folder: Path, parameters: BenchmarkParameters, task: VideoTask) -> RenderedVideo:
    """Render one video.

    Args:
        folder: The benchmark's folder.
        parameters: The benchmark.
        task: The video.

    Returns:
        Its record.
    """
    generator = np.random.default_rng(video_key(parameters.seed, task))
    num_frames, actions = draw_actions(parameters, task, generator)
    scene = draw_scene(parameters.canvas, num_frames, actions, generator)
    write_video(folder / task.path, render_frames(scene), parameters.fps)
    return RenderedVideo(task, num_frames, [Instance(a.category.name, a.start, a.end) for a in actions])


def video_key(seed: int, task: VideoTask) -> list[int]:
    """Return what the random generator of one video is seeded with; neither other videos nor workers matter.

    Args:
        seed: The benchmark's seed.
        task: The video.

    Returns:
        Numbers for :func:`numpy.random.default_rng`.
    """
    key = [seed, GROUPS.index(task.group), task.number]
    return [*key, task.category] if task.group == "moment" else key


def draw_actions(
    parameters: BenchmarkParameters, task: VideoTask, generator: np.random.Generator
) -> tuple[int, list[Action]]:
    """Draw the length of one video and its actions.

    Args:
        parameters: The benchmark.
        task: The video.
        generator: Source of randomness.

    Returns:
        Length in frames, and the actions in order; a moment is one action from end to end.
    """
    categories = parameters.categories(task.group)
    category = categories[task.category]
    if task.group == "moment":
        num_frames = round(generator.uniform(*MOMENT_SEC) * parameters.fps)
        return num_frames, [Action(category, 0, num_frames)]
    duration_sec = generator.uniform(parameters.min_duration_sec, parameters.max_duration_sec)
    num_frames = round(duration_sec * parameters.fps)
    spans = draw_timeline(num_frames, parameters.fps, generator)
    played = [category] * len(spans)
    if generator.random() < SECOND_CATEGORY_SHARE and len(spans) > 1:
        played[-1] = categories[generator.integers(len(categories))]
    return num_frames, [Action(each, *span) for each, span in zip(played, spans, strict=True)]


def _write_records(folder: Path, parameters: BenchmarkParameters, videos: Sequence[RenderedVideo]) -> dict[str, int]:
    """Write annotations.json, split.json and benchmark.json; return the counts."""
    untrimmed = [video for video in videos if video.task.group != "moment"]
    counts: dict[str, int] = {group: sum(video.task.group == group for video in videos) for group in GROUPS}
    counts["instances"] = sum(len(video.instances) for video in untrimmed)
    counts["frames"] = sum(video.num_frames for video in videos)
    database = {video.task.video_id: _database_entry(video, parameters.fps) for video in untrimmed}
    split = {
        "untrimmed": [category.name for category in parameters.categories("un_train")],
        "moment": [category.name for category in parameters.categories("moment")],
    }
    annotations = {"version": f"rendered benchmark {RENDERER_VERSION}", "taxonomy": [], "database": database}
    benchmark = {"version": RENDERER_VERSION, "parameters": asdict(parameters), "counts": counts}
    for name, content in (("annotations", annotations), ("split", split), ("benchmark", benchmark)):
        text = json.dumps(content, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return counts


def _database_entry(video: RenderedVideo, fps: int) -> dict[str, object]:
    """ActivityNet's entry of one video, in seconds."""
    return {
        "subset": "validation" if video.task.group.endswith("val") else "training",
        "duration": video.num_frames / fps,
        "resolution": "",
        "url": "",
        "annotations": [
            {"label": instance.label, "segment": [instance.start / fps, instance.end / fps]}
            for instance in video.instances
        ],
    }
