"""``aher render``: render the demo benchmark."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.cli.cores import count_cores
from aher_lightning.console import ProgressReporter, output_console
from aher_lightning.errors import ConfigError
from aher_lightning.rendering.benchmark import RenderResult, render_benchmark
from aher_lightning.rendering.plan import BenchmarkParameters, list_videos


def render(
    output: Path,
    videos: int = 160,
    seed: int = 0,
    *,
    untrimmed_categories: int = 8,
    moment_categories: int = 8,
    moments_per_category: int = 60,
    validation_videos: int = 64,
    untrimmed_validation_videos: int = 16,
    moment_training_videos: int = 0,
    recording_sec: float = 0.0,
    actions_per_hour: int = 18,
    workers: int = 0,
) -> RenderResult:
    """Render a small benchmark: video files, annotations in ActivityNet's format, and the split of the categories.

    Args:
        output: Folder to create; reused if it already holds the same benchmark.
        videos: Untrimmed training videos, of the categories with temporal annotations.
        seed: Another seed gives other videos of the same kind.
        untrimmed_categories: Number of categories with temporal annotations.
        moment_categories: Number of categories known from moments alone.
        moments_per_category: Moments of each of those.
        validation_videos: Untrimmed validation videos of the categories known from moments.
        untrimmed_validation_videos: Untrimmed validation videos of the annotated categories.
        moment_training_videos: Untrimmed training videos of the categories known from moments, which only a fully
            supervised upper bound may use.
        recording_sec: Length of untrimmed videos in seconds, as recordings with actions of 2 to 4 seconds of all
            categories of their set; 0 renders videos of 30 to 45 seconds with one category each.
        actions_per_hour: Actions in an hour of such a recording.
        workers: Number of processes; 0 takes one per core.

    Raises:
        ConfigError: If a number is out of range.
        DataError: If the folder holds something else or cannot be written.
        VideoError: If there is no H.264 encoder.
    """
    if workers < 0:
        raise ConfigError(f"workers is {workers}: choose 0 for one per core, or a positive number")
    parameters = BenchmarkParameters(
        seed=seed,
        untrimmed_categories=untrimmed_categories,
        moment_categories=moment_categories,
        training_videos=videos,
        moments_per_category=moments_per_category,
        validation_videos=validation_videos,
        untrimmed_validation_videos=untrimmed_validation_videos,
        moment_training_videos=moment_training_videos,
        recording_sec=recording_sec,
        actions_per_hour=actions_per_hour,
    )
    total = len(list_videos(parameters))
    with ProgressReporter("Rendering", total, unit="videos") as progress:
        result = render_benchmark(
            output,
            parameters,
            workers=workers or count_cores(),
            report=lambda done, _: progress.advance(done - progress.done),
        )
    summary = ", ".join(f"{count} {name}" for name, count in result.counts.items() if count)
    verb = "already holds this benchmark, reusing it" if result.is_reused else "is ready"
    output_console().print(f"{output} {verb}: {summary}", markup=False)
    return result
