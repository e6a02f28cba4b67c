"""Files of annotation tools, whichever tool wrote them: the content tells."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from aher_lightning.annotations.activitynet import AnnotatedVideo
from aher_lightning.annotations.importers.collector import ImportedFile, ImportOptions, SegmentCollector
from aher_lightning.annotations.importers.cvat import is_cvat, read_cvat
from aher_lightning.annotations.importers.elan import is_elan, read_elan
from aher_lightning.annotations.importers.label_studio import is_label_studio, read_label_studio
from aher_lightning.annotations.importers.via import is_via, read_via
from aher_lightning.annotations.importers.xml_files import parse_xml
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError, read_json, unreadable

ToolName = Literal["elan", "via", "cvat", "label-studio"]
"""Annotation tools whose files can be read."""


class _Tool(NamedTuple):
    """How the files of a tool are told from others, and how they are read."""

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
    """Return what a file of an annotation tool says, with a duration for every video.

    Args:
        path: File of ELAN, VIA, CVAT or Label Studio.
        tool: Which one wrote it; ``"auto"`` tells by the content.
        options: What the file leaves open.

    Returns:
        Its videos, and what was left out.

    Raises:
        AnnotationError: If the file is missing or damaged, of another tool or of none, or has an entry that cannot be
            used, or the duration of a video is not known; one line that names the file and the place.
        VideoError: If a video file is needed and damaged.
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
    """Return the videos of several files.

    Args:
        files: Files and what they hold.

    Returns:
        Video by id, in the order of the files.

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
    """Root element of an XML file, or the value of a JSON file."""
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
    """Name of the tool that wrote a file, which must be the one that was given."""
    candidates = [name for name, one in _TOOLS.items() if one.recognizes(document)]
    if tool != "auto":
        if tool not in candidates:
            raise MalformedError(_unknown(f"is no file of {tool}"))
        return tool
    if isinstance(document, dict) and isinstance(document.get("database"), dict):
        raise MalformedError("is in the layout of ActivityNet already; use it as it is")
    if len(candidates) != 1:
        found = "is of no known tool" if not candidates else f"could be of {' or '.join(candidates)}"
        raise MalformedError(_unknown(found))
    return candidates[0]


def _unknown(reason: str) -> str:
    """The reason, and what can be read."""
    return f"{reason}; give --format with one of {', '.join(_TOOLS)}, and a file that this tool exported"
