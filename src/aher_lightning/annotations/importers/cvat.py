"""CVAT: the XML formats "CVAT for video 1.1" and "CVAT for images 1.1"."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element

from aher_lightning.annotations.importers.collector import SegmentCollector, at_place, whole_number
from aher_lightning.files.json_files import MalformedError


class _Task(NamedTuple):
    """A video of a file: its id, frame rate, stride of annotated frames, and the frame after the last."""

    video_id: str
    fps: float
    step: int
    end_frame: int | None

    def span_sec(self, first: int, end: int) -> tuple[float, float]:
        """Times of the starts of two frames, clipped to the end of the task."""
        return first / self.fps, min(end, math.inf if self.end_frame is None else self.end_frame) / self.fps


def is_cvat(document: object) -> bool:
    """Tell whether a parsed file is an XML export of CVAT: its root ``annotations`` has a ``meta``."""
    return isinstance(document, Element) and document.tag == "annotations" and document.find("meta") is not None


def read_cvat(document: object, collector: SegmentCollector) -> None:
    """Collect the temporal labels of a CVAT export.

    CVAT has no labels of time spans, but two kinds of annotations tell when something happens. A track ("for video") is
    visible from a frame until the next one marked as outside: each such run is a segment of the track's label, whatever
    its shape. Tags ("for images"; "for video" leaves them out) belong to frames: consecutive frames with the same tag
    are a segment, which ends where the next frame would begin. Shapes on single images are left out and counted.

    Frames are counted in the original video, from 0. The frame rate is the given one, else that of the video file.
    Without a video file, the last frame of the task ends the video.

    Implements https://docs.cvat.ai/docs/manual/advanced/xml_format/ and what ``dataset_manager/bindings.py`` of
    https://github.com/cvat-ai/cvat adds to it: ``source``, ``start_frame``, ``stop_frame``, ``frame_filter``.

    Raises:
        MalformedError: If an element is missing or invalid, or the frame rate is unknown; the message names the place.
    """
    if not isinstance(document, Element):
        raise MalformedError("has no XML root element")
    tasks = _read_tasks(document, collector)
    for number, track in enumerate(document.iterfind("track")):
        with at_place(f"track {number}"):
            task = _task_of(track, tasks)
            shapes = [shape for shape in track if shape.tag != "attribute"]
            marks = [(whole_number(shape.get("frame"), "frame"), _is_visible(shape)) for shape in shapes]
            for first, end in visible_runs(marks, task.step):
                collector.add(task.video_id, None, _label(track), task.span_sec(first, end))
    tagged: dict[tuple[_Task, str], list[int]] = {}
    for number, image in enumerate(document.iterfind("image")):
        with at_place(f"image {number}"):
            frame = whole_number(image.get("id"), "id")
            for tag in image.iterfind("tag"):
                tagged.setdefault((_task_of(image, tasks), _label(tag)), []).append(frame)
        collector.left_out["shapes on images"] += sum(shape.tag != "tag" for shape in image)
    for (task, label), frames in tagged.items():
        for first, end in consecutive_runs(frames, task.step):
            collector.add(task.video_id, None, label, task.span_sec(first, end))


def _read_tasks(document: Element, collector: SegmentCollector) -> dict[str, _Task]:
    """The videos of a file by the id of their task."""
    meta = document.find("meta")
    found = (
        [] if meta is None else [*meta.iterfind("project/tasks/task"), *meta.iterfind("task"), *meta.iterfind("job")]
    )
    if meta is None or not found:
        raise MalformedError("names no task; export the annotations of a task or a project")
    tasks: dict[str, _Task] = {}
    for element in found:
        name = element.findtext("source") or meta.findtext("source") or element.findtext("name") or ""
        key = element.findtext("id") or ""
        with at_place(f"task {key!r:.40}"):
            if key in tasks:
                raise MalformedError("occurs twice")
            tasks[key] = _read_task(element, name, collector)
    return tasks


def _read_task(element: Element, name: str, collector: SegmentCollector) -> _Task:
    """One video; sets its duration if its file is missing."""
    video_id = collector.add_video(name)
    info = collector.options.find_video(video_id)
    fps = collector.options.fps
    if fps is None and info is not None and info.has_constant_rate:
        fps = info.average_fps
    if fps is None:
        reason = "the file counts frames" if info is None else f"{info.path} has no constant frame rate"
        remedy = "give --fps, or --videos with the folder of its file" if info is None else "give --fps"
        raise MalformedError(f"video {video_id!r:.80}: {reason}; {remedy}")
    frame_filter = element.findtext("frame_filter") or ""
    step = whole_number(frame_filter.replace(" ", "").removeprefix("step=") or "1", "frame_filter") or 1
    stop = element.findtext("stop_frame")
    end_frame = None if stop is None else whole_number(stop, "stop_frame") + 1
    if end_frame is None and element.findtext("size"):
        start = whole_number(element.findtext("start_frame") or "0", "start_frame")
        end_frame = start + step * whole_number(element.findtext("size"), "size")
    if info is None and end_frame is not None:
        collector.set_duration(video_id, end_frame / fps)
    return _Task(video_id, fps, step, end_frame)


def _task_of(element: Element, tasks: dict[str, _Task]) -> _Task:
    """The task of a track or image; only exports of projects name it."""
    key = element.get("task_id")
    if key is None and len(tasks) == 1:
        return next(iter(tasks.values()))
    if key is None or key not in tasks:
        raise MalformedError(f"belongs to the task {key!r:.40}, which the file does not describe; export it again")
    return tasks[key]


def _label(element: Element) -> str:
    """Label of a track or tag."""
    label = element.get("label")
    if label is None:
        raise MalformedError("has no label")
    return label


def _is_visible(shape: Element) -> bool:
    """Whether a shape is inside the frame; a skeleton is, if any part of it is."""
    if shape.tag == "skeleton":
        return any(_is_visible(part) for part in shape if part.tag != "attribute")
    outside = shape.get("outside")
    if outside not in {"0", "1"}:
        raise MalformedError(f'"outside" must be 0 or 1, but is {outside!r:.40}')
    return outside == "0"


def visible_runs(marks: Iterable[tuple[int, bool]], step: int) -> Iterator[tuple[int, int]]:
    """Yield first and end frame of each visible run, from frames marked as visible or not; the last frame ends one."""
    first = last = None
    for frame, is_visible in sorted(marks):
        if is_visible and first is None:
            first = frame
        elif not is_visible and first is not None:
            yield first, frame
            first = None
        last = frame
    if first is not None and last is not None:
        yield first, last + step


def consecutive_runs(frames: Collection[int], step: int) -> Iterator[tuple[int, int]]:
    """Yield first and end frame of each run of frames at most a step apart."""
    ordered = sorted(set(frames))
    first = ordered[0] if ordered else 0
    for position, frame in enumerate(ordered, start=1):
        is_last = position == len(ordered)
        if is_last or ordered[position] - frame > step:
            yield first, frame + step
            first = first if is_last else ordered[position]
