"""``aher localize``: find the actions in one's own videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from aher_lightning.console import error_console, output_console
from aher_lightning.errors import PredictionError, VideoError
from aher_lightning.inference.localizer import LocalizedVideo, Localizer
from aher_lightning.reports.prediction_writer import write_predictions


def localize(
    videos: Sequence[Path],
    checkpoint: Path,
    output: Path = Path("detections"),
    show: int = 5,
    *,
    trust_plugins: bool = False,
) -> list[Path]:
    """Find actions in video files and write them as JSON, one file per video.

    Args:
        videos: Video files.
        checkpoint: File written by ``aher fit``.
        output: Folder for the results; made if needed.
        show: How many detections to print per video.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Returns:
        The files written.

    Raises:
        CheckpointError: If the checkpoint cannot be used.
        PredictionError: If two videos would write the same file.
        VideoError: If a video cannot be decoded; the others are finished first.
    """
    targets = {video: output / f"{video.stem}.json" for video in videos}
    if len(set(targets.values())) < len(targets):
        raise PredictionError(f"{output}: two of the videos have the same name; localize them into different folders")
    localizer = Localizer.from_checkpoint(checkpoint, trust_plugins=trust_plugins)
    written, failures = [], []
    for video, target in targets.items():
        try:
            found = localizer.localize(video)
        except VideoError as error:
            failures.append(error)
            continue
        write_predictions(target, {video.stem: found.detections}, localizer.categories)
        written.append(target)
        output_console().print(_table(found, localizer.categories, show))
        output_console().print(f"{len(found.detections.scores)} detections written to {target}", markup=False)
    for failure in failures[:-1]:
        error_console().print(str(failure), markup=False)
    if failures:
        raise failures[-1]
    return written


def _table(found: LocalizedVideo, categories: Sequence[str], show: int) -> Table:
    """The best detections of a video."""
    # Names are texts, lest square brackets in them pass for markup.
    table = Table(title=Text(f"{found.path.name}  ({found.duration_sec:.1f} s)"), title_justify="left")
    for column in ("start", "end", "score"):
        table.add_column(column, justify="right")
    table.add_column("action")
    segments, scores, labels = (field[:show].tolist() for field in found.detections)
    for (start, end), score, label in zip(segments, scores, labels, strict=True):
        table.add_row(f"{start:.1f} s", f"{end:.1f} s", f"{score:.3f}", Text(categories[label]))
    return table
