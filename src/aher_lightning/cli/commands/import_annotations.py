"""``aher import-annotations``: convert the files of annotation tools to ActivityNet layout."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from aher_lightning.annotations.activitynet import write_activitynet
from aher_lightning.annotations.importers.collector import ImportedFile, ImportOptions, LabelSource, no_video
from aher_lightning.annotations.importers.tool_files import ToolName, merge_files, read_tool_file
from aher_lightning.annotations.importers.video_facts import VideoFacts
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.video_selection import list_categories
from aher_lightning.console import counted, output_console
from aher_lightning.errors import ConfigError


class ImportSummary(NamedTuple):
    """What was written and what was left out.

    Attributes:
        videos: Number of videos.
        segments: Number of segments.
        categories: Names of the categories, in the order of their first segment.
        left_out: Number of things left out, by kind.
        kept: Number of segments kept although they break a rule, by rule.
    """

    videos: int
    segments: int
    categories: list[str]
    left_out: Mapping[str, int]
    kept: Mapping[str, int]


def import_annotations(
    files: Sequence[Path],
    output: Path,
    *,
    format: ToolName | Literal["auto"] = "auto",  # noqa: A002 - the name of the option
    videos: Path | None = None,
    subset: str = "training",
    fps: float | None = None,
    tiers: str | None = None,
    label: LabelSource = "value",
) -> ImportSummary:
    """Write the annotations of ELAN, VIA, CVAT and Label Studio as one file in the layout of ActivityNet.

    Args:
        files: Files of the tools, in any mixture.
        output: JSON file to write.
        format: The tool that all files come from; ``auto`` detects it from the content of each.
        videos: Folder of the video files, for durations and frame rates that the tools do not record.
        subset: Part of the data set that the videos belong to.
        fps: Frames per second by which CVAT and Label Studio counted.
        tiers: Names of ELAN's tiers, VIA's attributes or Label Studio's control tags to read, with commas between them;
            all if not given.
        label: Whether the category is the value of an annotation or its tier.

    Raises:
        AnnotationError: If a file cannot be used, or a video is in two of them.
        ConfigError: If options are invalid.
        DataError: If the folder of videos does not exist.
        VideoError: If a video file is needed and damaged.
    """
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise ConfigError(f"fps is {fps}: give a positive number of frames per second")
    if not subset.strip():
        raise ConfigError('subset is empty: give a name such as "training"')
    if output.resolve() in {path.resolve() for path in files}:
        raise ConfigError(f"{output}: would be overwritten, but is one of the files to read; write elsewhere")
    names = None if tiers is None else [name.strip() for name in tiers.split(",") if name.strip()]
    find_video = no_video if videos is None else VideoFacts(videos).find
    options = ImportOptions(subset, fps, names, label, find_video)
    found = [(path, read_tool_file(path, format, options)) for path in files]
    _check_tiers(names or [], [file for _, file in found])
    merged = merge_files(found)
    write_activitynet(output, merged.values())
    summary = _summarize(merged, [file.left_out for _, file in found])
    output_console().print(_describe(output, summary), markup=False)
    return summary


def _check_tiers(names: Iterable[str], files: Sequence[ImportedFile]) -> None:
    """Refuse a tier that is in no file."""
    known = sorted({tier for file in files for tier in file.tiers})
    for name in names:
        if name not in known:
            there = ", ".join(map(repr, known)) or "none"
            raise ConfigError(f"no file has the tier {name!r:.80}; tiers that exist: {there:.400}")


def _summarize(videos: Mapping[str, AnnotatedVideo], left_out: Iterable[Mapping[str, int]]) -> ImportSummary:
    """Count what was written and what was left out."""
    dropped: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for counts in left_out:
        dropped.update(counts)
    for video in videos.values():
        dropped["empty"] += video.num_dropped - video.num_reversed
        dropped["reversed"] += video.num_reversed
        kept["outside the video"] += sum(
            one.start_sec < 0 or one.end_sec > video.duration_sec for one in video.instances
        )
        kept["duplicates"] += len(video.instances) - len(set(video.instances))
    segments = sum(len(video.instances) for video in videos.values())
    return ImportSummary(len(videos), segments, list_categories(videos), dict(+dropped), dict(+kept))


def _describe(output: Path, summary: ImportSummary) -> str:
    """The summary in one line."""
    categories = counted(len(summary.categories), "category", "categories")
    parts = [f"{counted(summary.videos, 'video')}, {counted(summary.segments, 'segment')}, {categories}"]
    for verb, counts in (("left out", summary.left_out), ("kept", summary.kept)):
        if counts:
            parts.append(f"{verb} " + ", ".join(f"{number} {kind}" for kind, number in counts.items()))
    return f"{output}: {'; '.join(parts)}"
