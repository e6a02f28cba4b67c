"""Reader of files of all supported annotation tools, which recognizes the tool by the content."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from aher_lightning.annotations.importers.collector import ImportedFile, ImportOptions, SegmentCollector
from aher_lightning.annotations.importers.cvat import is_cvat, read_cvat
from aher_lightning.annotations.importers.elan import is_elan, read_elan
from aher_lightning.annotations.importers.label_studio import is_label_studio, read_label_studio
from aher_lightning.annotations.importers.via import is_via, read_via
from aher_lightning.annotations.importers.xml_files import parse_xml
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, read_json, unreadable

ToolName = Literal["elan", "via", "cvat", "label-studio"]
"""Supported annotation tools."""


class _Tool(NamedTuple):
    """How the files of a tool are recognized and read."""

    recognizes: Callable[[object], bool]
    read: Callable[[object, SegmentCollector], None]


_TOOLS: dict[ToolName, _Tool] = {
    "elan": _Tool(is_elan, read_elan),
    "via": _Tool(is_via, read_via),
    "cvat": _Tool(is_cvat, read_cvat),
    "label-studio": _Tool(is_label_studio, read_label_studio),
}

_XML_BEGINNINGS = (b"<", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_tool_file(
    path: Path, tool: ToolName | Literal["auto"] = "auto", options: ImportOptions | None = None
) -> ImportedFile:
    """Return the content of a file of an annotation tool, with a duration for every video.

    Args:
        path: File of ELAN, VIA, CVAT or Label Studio.
        tool: The tool that wrote it; ``"auto"`` recognizes it by the content.
        options: What the file does not say.

    Raises:
        AnnotationError: If the file is missing, damaged or of another tool, has an invalid entry, or the duration of
            a video is unknown; the message names the file and the place.
        VideoError: If a required video file is damaged.
    """
    options = options or ImportOptions()
    collector = SegmentCollector(options)
    try:
        document = _load(path)
        _TOOLS[_recognize(document, tool)].read(document, collector)
        found = collector.finish()
    except MalformedError as reason:
        raise AnnotationError(f"{path}: {reason}") from None
    missing = next((video.video_id for video in found.videos if not video.has_duration), None)
    if missing is not None:
        raise AnnotationError(
            f"{path}: video {missing!r:.80} has no duration; give --videos with the folder of its file"
        )
    return found


def merge_files(files: Iterable[tuple[Path, ImportedFile]]) -> dict[str, AnnotatedVideo]:
    """Return the videos of several files by id, in the order of the files.

    Raises:
        AnnotationError: If a video is in two files.
    """
    videos: dict[str, AnnotatedVideo] = {}
    sources: dict[str, Path] = {}
    for path, found in files:
        for video in found.videos:
            if video.video_id in videos:
                raise AnnotationError(
                    f"{path}: video {video.video_id!r:.80} is also in {sources[video.video_id]}; rename one of the two "
                    "video files, or leave one annotation out"
                )
            videos[video.video_id] = video
            sources[video.video_id] = path
    return videos


def _load(path: Path) -> object:
    """Root element of an XML file, or value of a JSON file."""
    try:
        content = path.read_bytes()
    except OSError as failure:
        raise AnnotationError(unreadable(path, failure).replace("JSON file", "file")) from None
    beginning = content.removeprefix(codecs.BOM_UTF8).lstrip()
    if beginning.startswith(_XML_BEGINNINGS):
        return parse_xml(content)
    if beginning[:1] not in (b"{", b"["):
        raise MalformedError(_unknown("is neither XML nor JSON"))
    return read_json(path, AnnotationError, remedy="export it again")


def _recognize(document: object, tool: ToolName | Literal["auto"]) -> ToolName:
    """Name of the tool that wrote a file, which must be the given one."""
    candidates = [name for name, one in _TOOLS.items() if one.recognizes(document)]
    if tool != "auto":
        if tool not in candidates:
            raise MalformedError(_unknown(f"is not a file of {tool}"))
        return tool
    if isinstance(document, dict) and isinstance(document.get("database"), dict):
        raise MalformedError("is already in ActivityNet layout; use it directly")
    if len(candidates) != 1:
        found = "is not a file of a supported tool" if not candidates else f"could be of {' or '.join(candidates)}"
        raise MalformedError(_unknown(found))
    return candidates[0]


def _unknown(reason: str) -> str:
    """The reason, and the supported tools."""
    return f"{reason}; give --format with one of {', '.join(_TOOLS)}, and a file exported by this tool"
