"""Label Studio: exports in its own JSON, with spans on the timeline of a video or audio file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from aher_lightning.annotations.importers.collector import SegmentCollector, at_place
from aher_lightning.annotations.importers.media_names import media_name, video_id_of
from aher_lightning.annotations.json_values import as_list, as_object, positive_number
from aher_lightning.files.json_files import MalformedError, finite_number, json_type
from aher_lightning.files.video_files import VIDEO_SUFFIXES

_MEDIA_SUFFIXES = (*VIDEO_SUFFIXES, ".mp3", ".wav", ".m4a", ".aac", ".flac", ".ogg")


_Span = tuple[str, str, tuple[float, float] | None]
"""Tier, label, and start and end in seconds; without these where an end is open."""


def is_label_studio(document: object) -> bool:
    """Tell whether a parsed file is a "JSON" export of Label Studio: a task, or a list that begins with one."""
    first = document[0] if isinstance(document, list) and document else document
    return isinstance(first, dict) and {"data", "annotations"} <= first.keys()


def read_label_studio(document: object, collector: SegmentCollector) -> None:
    """Collect the spans of a Label Studio export.

    Two kinds of results have times. Those of ``timelinelabels`` have frames of the timeline, counted from 1, both
    ends included: 3 to 5 at 10 per second is 0.2 s to 0.5 s. Their rate is that of the labelling configuration
    (``frameRate`` of the ``Video`` tag, 24 unless set), not that of the video, and not in the export. It is the given
    one, else ``fps`` of the task's data, else that of a box in the same annotation. Results of ``labels`` have
    seconds. All others are left out and counted, as are cancelled annotations and tasks without any.

    Implements https://labelstud.io/guide/task_format, https://labelstud.io/tags/timelinelabels and
    https://labelstud.io/tags/audio; where frames begin is from ``Video.js`` of
    https://github.com/HumanSignal/label-studio (``fullFrameRange``).

    Raises:
        MalformedError: If a field is missing or invalid, or the frame rate is unknown; the message names the place.
    """
    for number, task in enumerate(document if isinstance(document, list) else [document]):
        name = task.get("id", number) if isinstance(task, dict) else number
        with at_place(f"task {str(name)!r:.40}"):
            _read_task(as_object(task), collector)


def _read_task(task: dict[str, object], collector: SegmentCollector) -> None:
    """Collect the spans of one task."""
    results = _chosen_results(task, collector)
    if results is None:
        return
    data = as_object(task.get("data"))
    video_id = collector.add_video(_address(data))
    for result in results:
        value = as_object(result.get("value", {}))
        length_sec = value.get("duration") if "framesCount" in value else result.get("original_length")
        if length_sec is not None:
            collector.set_duration(video_id, finite_number(length_sec, "length"))
    fps = collector.options.fps or _stated_fps(data, results)
    for number, result in enumerate(results):
        with at_place(f"result {number}"):
            spans = list(_spans(result, fps))
            collector.left_out["other results"] += not spans
            for tier, label, span_sec in spans:
                if span_sec is None:
                    collector.left_out["without end"] += 1
                else:
                    collector.add(video_id, tier, label, span_sec)


def _chosen_results(task: dict[str, object], collector: SegmentCollector) -> list[dict[str, object]] | None:
    """Results of the one valid annotation of a task, if there is one."""
    annotations = [as_object(one) for one in as_list(task.get("annotations"))]
    valid = [one for one in annotations if not one.get("was_cancelled")]
    collector.left_out["cancelled annotations"] += len(annotations) - len(valid)
    if not valid:
        collector.left_out["tasks without annotation"] += 1
        return None
    chosen = [one for one in valid if one.get("ground_truth")] or valid
    if len(chosen) > 1:
        raise MalformedError(f"has {len(chosen)} annotations; mark one as ground truth, or delete the others")
    return [as_object(result) for result in as_list(chosen[0].get("result"))]


def _address(data: dict[str, object]) -> str:
    """Path or URL of the video or audio file of a task."""
    texts = [value for value in data.values() if isinstance(value, str)]
    media = [text for text in texts if PurePosixPath(media_name(text)).suffix.lower() in _MEDIA_SUFFIXES]
    if not media or len({video_id_of(text) for text in media}) > 1:
        found = "no media file" if not media else "several media files"
        raise MalformedError(f'"data" names {found}; name one video')
    return media[0]


def _stated_fps(data: dict[str, object], results: list[dict[str, object]]) -> float | None:
    """Frames per second of the task itself, if it has them."""
    if "fps" in data:
        return positive_number(data["fps"], '"fps" of the data')
    for result in results:
        value = as_object(result.get("value", {}))
        if "framesCount" in value and value.get("duration"):
            frames = positive_number(value["framesCount"], "framesCount")
            return positive_number(frames / positive_number(value["duration"], "duration"), "frame rate")
    return None


def _spans(result: dict[str, object], fps: float | None) -> Iterator[_Span]:
    """Labelled spans of a result."""
    kind, value = result.get("type"), as_object(result.get("value", {}))
    tier = str(result.get("from_name", ""))
    if kind == "timelinelabels":
        ranges = [_frames_to_seconds(as_object(one), fps) for one in as_list(value.get("ranges"))]
    elif kind == "labels" and "start" in value and "text" not in value:  # else a span of text, counted in characters
        ranges = [(finite_number(value["start"], "start"), finite_number(value.get("end"), "end"))]
    else:
        return
    labels = as_list(value.get(kind, []))
    for label in labels or [""]:
        if not isinstance(label, str):
            raise MalformedError(f"label must be a text, but is a JSON {json_type(label)}")
        yield from ((tier, label, span) for span in ranges)


def _frames_to_seconds(span: dict[str, object], fps: float | None) -> tuple[float, float] | None:
    """Start of the first frame and end of the last, in seconds; ``None`` if one of them is open."""
    first, last = span.get("start"), span.get("end")
    if first is None or last is None:
        return None
    if fps is None:
        raise MalformedError("counts frames; give --fps, the frameRate of the Video tag of the project (24 unless set)")
    first_frame, last_frame = finite_number(first, "start"), finite_number(last, "end")
    if first_frame < 0 or last_frame < 0:
        raise MalformedError("frames must not be negative")
    return max(first_frame - 1, 0) / fps, last_frame / fps
