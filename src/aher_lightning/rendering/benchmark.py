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
from aher_lightning.rendering.categories import Category
from aher_lightning.rendering.encoding import write_video
from aher_lightning.rendering.plan import GROUPS, BenchmarkParameters, VideoTask, list_videos
from aher_lightning.rendering.scene import Action, draw_scene, render_frames
from aher_lightning.rendering.timeline import draw_recording, draw_timeline
from aher_lightning.video.encoders import choose_encoder

_RENDERER_VERSION = 1
"""Raised whenever the same parameters give other videos."""

_SECOND_CATEGORY_FRACTION = 0.04
"""Fraction of untrimmed videos that show two categories; nearly all videos of ActivityNet show one."""

_MOMENT_SEC = (2.0, 6.0)
"""Range of durations of moments, seconds."""

ProgressReport = Callable[[int, int], None]
"""Takes the number of finished videos and of all videos."""


class _Instance(NamedTuple):
    """An annotated action: name of the category, first frame of the motion, frame after the last one."""

    label: str
    start: int
    end: int


class _RenderedVideo(NamedTuple):
    """A task, the length of its video in frames, and its actions in order; a moment is one action from end to end."""

    task: VideoTask
    num_frames: int
    instances: list[_Instance]


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

    The videos do not depend on the number of workers: each has its own random generator, see :func:`_video_key`.

    Args:
        output: Folder to create; may be empty, or hold this very benchmark, which is then reused.
        parameters: What to render.
        workers: Number of processes.
        report: Called after each video.

    Raises:
        DataError: If the folder holds something else or cannot be written.
        VideoError: If there is no H.264 encoder.
    """
    counts = _find_benchmark(output, parameters)
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


def _find_benchmark(output: Path, parameters: BenchmarkParameters) -> dict[str, int] | None:
    """Counts of the complete benchmark in a folder, ``None`` if missing or empty; any other folder is refused."""
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
    if version != _RENDERER_VERSION:
        raise DataError(f"{output} was rendered by version {version}, this is version {_RENDERER_VERSION}: {remedy}")
    defaults = asdict(BenchmarkParameters())  # of parameters that are newer than the folder
    for name, value in asdict(parameters).items():
        before = found.get(name, defaults[name])
        if before != value:
            raise DataError(f"{output} holds a benchmark with {name}={before}, not {value}: {remedy}")
    missing = [task.path for task in list_videos(parameters) if not (output / task.path).is_file()]
    if missing:
        raise DataError(f"{output} lacks {len(missing)} of its videos ({missing[0]} first): delete it and render again")
    return counts


def _render_all(
    folder: Path, parameters: BenchmarkParameters, workers: int, report: ProgressReport | None
) -> Iterator[_RenderedVideo]:
    """Render all videos, in order."""
    tasks = list_videos(parameters)
    for parent in {(folder / task.path).parent for task in tasks} | {folder / "videos", folder / "moments"}:
        parent.mkdir(parents=True, exist_ok=True)
    render = partial(_render_video, folder, parameters)
    if workers <= 1:
        yield from _counted(map(render, tasks), len(tasks), report)
        return
    # Spawned, not forked: the caller may have threads running.
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from _counted(executor.map(render, tasks, chunksize=4), len(tasks), report)
    finally:
        executor.shutdown(cancel_futures=True)


def _counted(videos: Iterator[_RenderedVideo], total: int, report: ProgressReport | None) -> Iterator[_RenderedVideo]:
    """Pass videos on and report each."""
    for done, video in enumerate(videos, start=1):
        if report is not None:
            report(done, total)
        yield video


def _render_video(folder: Path, parameters: BenchmarkParameters, task: VideoTask) -> _RenderedVideo:
    """Render one video into the folder of the benchmark."""
    generator = np.random.default_rng(_video_key(parameters.seed, task))
    num_frames, actions = _draw_actions(parameters, task, generator)
    scene = draw_scene(parameters.canvas, num_frames, actions, generator)
    write_video(folder / task.path, render_frames(scene), parameters.fps)
    return _RenderedVideo(task, num_frames, [_Instance(a.category.name, a.start, a.end) for a in actions])


def _video_key(seed: int, task: VideoTask) -> list[int]:
    """Seed of one video: neither the other videos nor the number of workers matter."""
    key = [seed, GROUPS.index(task.group), task.number]
    return [*key, task.category] if task.group == "moment" else key


def _draw_actions(
    parameters: BenchmarkParameters, task: VideoTask, generator: np.random.Generator
) -> tuple[int, list[Action]]:
    """Draw the length of one video in frames, and its actions in order; a moment is one action from end to end."""
    categories = parameters.categories(task.group)
    category = categories[task.category]
    if task.group == "moment":
        num_frames = round(generator.uniform(*_MOMENT_SEC) * parameters.fps)
        return num_frames, [Action(category, 0, num_frames)]
    if parameters.recording_sec:
        return _draw_recording(parameters, categories, generator)
    duration_sec = generator.uniform(parameters.min_duration_sec, parameters.max_duration_sec)
    num_frames = round(duration_sec * parameters.fps)
    spans = draw_timeline(num_frames, parameters.fps, generator)
    played = [category] * len(spans)
    if generator.random() < _SECOND_CATEGORY_FRACTION and len(spans) > 1:
        played[-1] = categories[generator.integers(len(categories))]
    return num_frames, [Action(each, *span) for each, span in zip(played, spans, strict=True)]


def _draw_recording(
    parameters: BenchmarkParameters, categories: Sequence[Category], generator: np.random.Generator
) -> tuple[int, list[Action]]:
    """Length of a recording in frames, and its actions in order, each of any category."""
    num_frames = round(parameters.recording_sec * parameters.fps)
    count = max(1, round(parameters.actions_per_hour * parameters.recording_sec / 3600))
    spans = draw_recording(num_frames, parameters.fps, count, generator)
    played = generator.integers(len(categories), size=len(spans)).tolist()
    return num_frames, [Action(categories[index], *span) for index, span in zip(played, spans, strict=True)]


def _write_records(folder: Path, parameters: BenchmarkParameters, videos: Sequence[_RenderedVideo]) -> dict[str, int]:
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
    annotations = {"version": f"rendered benchmark {_RENDERER_VERSION}", "taxonomy": [], "database": database}
    benchmark = {"version": _RENDERER_VERSION, "parameters": asdict(parameters), "counts": counts}
    for name, content in (("annotations", annotations), ("split", split), ("benchmark", benchmark)):
        text = json.dumps(content, indent=1)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return counts


def _database_entry(video: _RenderedVideo, fps: int) -> dict[str, object]:
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
