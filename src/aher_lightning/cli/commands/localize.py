"""``aher localize``: find the actions in your own videos."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from aher_lightning.annotations.layouts import read_annotations
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.cli.command_table import DEBUG
from aher_lightning.console import ProgressReporter, counted, error_console, output_console
from aher_lightning.datasets.unusable_videos import UnusableVideo
from aher_lightning.errors import AherError, ConfigError, VideoError
from aher_lightning.features.loose_file import FEATURE_SUFFIX
from aher_lightning.inference.detection_selection import category_labels
from aher_lightning.inference.finished_videos import FinishedVideos
from aher_lightning.inference.localizer import LocalizedVideo, Localizer
from aher_lightning.inference.video_inputs import VideoInput, find_inputs
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.reports.videos.fiftyone import VideoFrames, export_fiftyone
from aher_lightning.reports.videos.outputs import VideoReport, output_files, parse_formats, write_outputs
from aher_lightning.video.clips import count_clips
from aher_lightning.video.cutting import cut_clips

_LONG_CLIPS = 512
"""Number of clips above which a video gets a progress display."""

_Files = dict[VideoInput, dict[str, Path]]
"""Output files of each video, by format."""


def localize(  # noqa: PLR0913 - one option each, all by name
    videos: Sequence[Path],
    checkpoint: Path,
    output: Path = Path("detections"),
    *,
    formats: str = "json",
    clips: Path | None = None,
    copy_clips: bool = False,
    fiftyone: Path | None = None,
    ground_truth: Path | None = None,
    top_k: int | None = None,
    min_score: float = 0.0,
    categories: list[str] | None = None,
    window_sec: float | None = None,
    time_limit_sec: float | None = 120.0,
    device: str = "auto",
    overwrite: bool = False,
    show: int = 5,
    trust_plugins: bool = False,
) -> list[Path]:
    """Find actions in video files and write them, one file per video and format.

    After an interruption, run the same command again: finished videos are skipped.

    Args:
        videos: Video files, folders of them, and patterns such as ``'cam*/*.mp4'``; or their
            features, ``.npy`` files.
        checkpoint: File written by ``aher fit``, an exported folder, or ``hf://user/model``.
        output: Folder for the results; made if needed.
        formats: Formats to write, separated by commas: json (always written), csv, srt, vtt, html, pdf, png, svg.
            Subtitles and figures have the ten best detections per window length of video.
        clips: If given, folder for the best detections as video files, ``<category>/<video>_<times>.mp4``, in the
            sub-folders of the videos.
        copy_clips: Copy clips instead of re-encoding them: faster, but they begin at the previous key frame.
        fiftyone: If given, folder for all detections as a data set for FiftyOne.
        ground_truth: Annotation file, whose actions are shown above the detections on pages and figures.
        top_k: Most detections to keep per video; all that the decoder selects if not given,
            by default 100 segments per window length of video, each in up to three categories.
        min_score: Smallest score to keep.
        categories: The categories to keep, such as ``wave,nod``; all if not given.
        window_sec: Length of the windows for long videos, in seconds; that of the checkpoint if not given.
        time_limit_sec: Seconds that a decoder may stall before the video counts as broken. Videos are decoded in a
            process of their own, which a bad file may crash; ``None`` decodes without limit in this process.
        device: Where the networks run: cpu, cuda, cuda:1 and so on; auto takes a GPU if there is one.
        overwrite: Replace existing results.
        show: Number of detections to print per video.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        AherError: If an option, the checkpoint or the folder of results cannot be used.
        VideoError: If a video fails, for whatever reason; the others are finished first.
    """
    if show < 0 or (top_k is not None and top_k < 1):
        raise ConfigError("'show' must be at least 0 and 'top_k' at least 1; correct them")
    kinds, inputs = parse_formats(formats), find_inputs(videos)
    _refuse_namesakes(inputs if fiftyone is not None else ())
    _refuse_features(inputs if clips is not None or fiftyone is not None else ())
    truth = None if ground_truth is None else _read_truth(ground_truth)
    localizer = Localizer.from_checkpoint(
        checkpoint,
        device=device,
        window_sec=window_sec,
        time_limit_sec=time_limit_sec,
        trust_plugins=trust_plugins,
    )
    category_labels(categories, localizer.categories)  # refuses unknown ones before any work
    choice: dict[str, Any] = {"top_k": top_k, "min_score": min_score, "categories": categories}
    settings = {"checkpoint": fingerprint(localizer.module), "window_sec": localizer.window_sec, **choice}
    finished = FinishedVideos(output, settings, clips=clips, overwrite=overwrite)
    files = {video: output_files(output, video.name, kinds) for video in inputs}
    waiting = _leave_out_finished(files, finished)
    if any(not _has_features(video) for video in waiting):
        localizer.frames.start()

    def localize_one(video: VideoInput, own: dict[str, Path]) -> None:
        started = time.monotonic()
        report = _report(_localize(localizer, video.path, choice), localizer, truth)
        seconds = time.monotonic() - started  # excludes cutting clips, which may take longer
        finished.note_settings(one["json"] for one in waiting.values())
        if clips is not None:
            cut_clips(video.path, report.best(), clips / video.name.parent, reencode=not copy_clips)
        write_outputs(own, report)
        finished.add(video)
        _print_detections(report, own["json"], show, seconds)

    failures = _collect_failures(localize_one, waiting)
    if fiftyone is not None:
        failures += _export(fiftyone, {video.path: own["json"] for video, own in files.items()}, localizer)
    _raise_failures(failures)
    return [own["json"] for own in waiting.values()]


def _collect_failures(work: Callable[[VideoInput, dict[str, Path]], None], waiting: _Files) -> list[str]:
    """Work on each video; return a line per failure. No failure, not even a bug of ours, ends the other videos."""
    failures: list[str] = []
    for video, own in waiting.items():
        try:
            work(video, own)
        except ConfigError:  # noqa: PERF203 - a try per video is the point; this error would hit every video
            raise
        except Exception as failure:
            line = UnusableVideo.from_failure(video.path.stem, video.path, failure).line
            failures.append(line if isinstance(failure, AherError) else f"{line}; {DEBUG} shows the traceback")
    return failures


def _refuse_namesakes(inputs: Sequence[VideoInput]) -> None:
    """Refuse to export videos of the same name into one data set."""
    if len({video.path.stem for video in inputs}) < len(inputs):
        raise ConfigError("FiftyOne identifies videos by name, and two have the same; export them separately")


def _refuse_features(inputs: Sequence[VideoInput]) -> None:
    """Refuse to show pictures of files of features."""
    for video in filter(_has_features, inputs):
        raise ConfigError(f"{video.path}: features have no pictures; leave --clips and --fiftyone out")


def _has_features(video: VideoInput) -> bool:
    """Whether the file holds features instead of pictures."""
    return video.path.suffix == FEATURE_SUFFIX


def _raise_failures(failures: Sequence[str]) -> None:
    """Print all failures but the last, which ends the command; nothing happens without any."""
    for failure in failures[:-1]:
        error_console().print(failure, markup=False)
    if failures:
        raise VideoError(failures[-1])


def _leave_out_finished(files: _Files, finished: FinishedVideos) -> _Files:
    """The videos that remain to be localized; prints how many are skipped."""
    waiting = {video: own for video, own in files.items() if not finished.has(video, own.values())}
    if len(waiting) < len(files):
        skipped = len(files) - len(waiting)
        output_console().print(f"{skipped} of {len(files)} videos were finished before; --overwrite redoes them")
    return waiting


def _localize(localizer: Localizer, path: Path, choice: Mapping[str, Any]) -> LocalizedVideo:
    """Localize a video, with a progress display if it is long."""
    if path.suffix == FEATURE_SUFFIX:
        return localizer.localize(path, **choice)
    total = count_clips(localizer.frames.probe(path).duration_sec, localizer.contract)
    if total <= _LONG_CLIPS:
        return localizer.localize(path, **choice)
    with ProgressReporter(f"Localizing {path.name}", total, unit="clips") as progress:
        return localizer.localize(path, **choice, report=progress.advance)


def _report(found: LocalizedVideo, localizer: Localizer, truth: Mapping[str, AnnotatedVideo] | None) -> VideoReport:
    """The report of a video; one without annotations has no instances."""
    annotated = None if truth is None else truth.get(found.path.stem)
    instances = annotated.instances if annotated is not None else None if truth is None else ()
    return VideoReport(
        found.path, found.duration_sec, found.detections, localizer.categories, instances, found.num_windows
    )


def _read_truth(path: Path) -> dict[str, AnnotatedVideo]:
    """The annotated videos by id; only their actions count here."""
    return read_annotations(path, subset="validation", on_invalid="drop", on_missing_duration="last_end")


def _print_detections(report: VideoReport, target: Path, show: int, seconds: float) -> None:
    """Print the best detections of a video, and the time it took to find them."""
    console = output_console()
    if show:
        # As Text, so that square brackets in names are not markup.
        table = Table(title=Text(f"{report.path.name}  ({report.duration_sec:.1f} s)"), title_justify="left")
        for column in ("start", "end", "score"):
            table.add_column(column, justify="right")
        table.add_column("action")
        segments, scores, labels = (field[:show].tolist() for field in report.detections)
        for (start, end), score, label in zip(segments, scores, labels, strict=True):
            table.add_row(f"{start:.1f} s", f"{end:.1f} s", f"{score:.3f}", Text(report.categories[label]))
        console.print(table)
    speed = f"{seconds:.1f} s, {report.duration_sec / seconds:.3g}x real time"
    console.print(f"{counted(len(report.detections.scores), 'detection')} written to {target} ({speed})", markup=False)


def _export(folder: Path, files: Mapping[Path, Path], localizer: Localizer) -> list[str]:
    """Write the detections of all finished videos as a data set for FiftyOne; return a line if that fails."""
    try:
        _export_finished(folder, files, localizer)
    except AherError as failure:
        return [str(failure)]
    return []


def _export_finished(folder: Path, files: Mapping[Path, Path], localizer: Localizer) -> None:
    """Write the detections of the videos that have results."""
    done = {video: path for video, path in files.items() if path.is_file()}
    names = localizer.categories
    found = {video: read_predictions(path, names).detections[video.stem] for video, path in done.items()}
    infos = {video: localizer.frames.probe(video) for video in done}
    frames = {video: VideoFrames(info.average_fps, info.frame_count) for video, info in infos.items()}
    export_fiftyone(folder, found, names, frames)
    output_console().print(f"{counted(len(found), 'video')} exported for FiftyOne to {folder}", markup=False)
