"""VGG Image Annotator 3: project files (``.json``) of the video annotator, with temporal segments."""

from __future__ import annotations

from collections.abc import Iterator

from aher_lightning.annotations.importers.collector import SegmentCollector, at_place
from aher_lightning.annotations.json_values import as_object
from aher_lightning.files.json_files import MalformedError, finite_number

_KEYS = frozenset({"project", "attribute", "file", "view", "metadata"})

_DELETED = 1
"""Bit of ``flg`` that marks deleted entries, from ``_VIA_METADATA_FLAG``."""

_CHECKBOX = 2
"""Type of an attribute with several chosen options, from ``_VIA_ATTRIBUTE_TYPE``."""


def is_via(document: object) -> bool:
    """Tell whether a parsed file is a project of VIA 3, by its keys."""
    return isinstance(document, dict) and document.keys() >= _KEYS


def read_via(document: object, collector: SegmentCollector) -> None:
    """Collect the temporal segments of a VIA project.

    A temporal segment is an entry of ``metadata`` with two times, ``z``, in seconds, and no region, ``xy``. Each of its
    attributes is an instance, named by the entered text or the chosen options. Regions, marks of files and deleted
    entries are left out and counted, as are files without any segment: perhaps they were never annotated.

    Implements the data structures of version 3 of "The VIA Annotation Software for Images, Audio and Video" (Dutta and
    Zisserman, ACM Multimedia 2019), https://gitlab.com/vgg/via, ``via-3.x.y/CodeDoc.md`` and ``_via_attribute.js``.

    Raises:
        MalformedError: If a field is missing or invalid; the message names the place.
    """
    files, views, attributes, metadata = (_part(document, key) for key in ("file", "view", "attribute", "metadata"))
    videos: dict[str, str] = {}
    for name, entry in metadata.items():
        with at_place(f"metadata {name!r:.40}"):
            fields = as_object(entry)
            span_sec = _segment(fields, collector)
            if span_sec is None:
                continue
            view = fields.get("vid")
            if not isinstance(view, str):
                raise MalformedError('"vid" must be the name of a view')
            if view not in videos:
                videos[view] = collector.add_video(_address(view, views, files))
            values = list(_values(as_object(fields.get("av")), attributes))
            collector.left_out["without label"] += not values
            for tier, value in values:
                collector.add(videos[view], tier, value, span_sec)
    collector.left_out["files without segments"] += len(views.keys() - videos.keys())


def _part(document: object, key: str) -> dict[str, object]:
    """One of the main objects of a project."""
    with at_place(f'"{key}"'):
        return as_object(as_object(document).get(key))


def _segment(fields: dict[str, object], collector: SegmentCollector) -> tuple[float, float] | None:
    """Start and end of a temporal segment in seconds; any other entry is counted."""
    flags, times, region = fields.get("flg", 0), fields.get("z"), fields.get("xy")
    if not isinstance(times, list) or not isinstance(region, list) or not isinstance(flags, int):
        raise MalformedError('"z" and "xy" must be lists, and "flg" a whole number')
    if flags & _DELETED:
        collector.left_out["deleted"] += 1
    elif region:
        collector.left_out["regions"] += 1
    elif len(times) != 2:
        collector.left_out["without a span"] += 1
    else:
        return finite_number(times[0], "start"), finite_number(times[1], "end")
    return None


def _address(view: str, views: dict[str, object], files: dict[str, object]) -> str:
    """Name of the one file that a view shows."""
    shown = as_object(views.get(view)).get("fid_list")
    if not isinstance(shown, list) or len(shown) != 1:
        raise MalformedError(f"view {view!r:.40} must show one file; segments of several files are not supported")
    file = as_object(files.get(str(shown[0])))
    address = file.get("fname") or file.get("src")
    if not isinstance(address, str):
        raise MalformedError(f'file {str(shown[0])!r:.40} has no "fname"')
    return address


def _values(chosen: dict[str, object], attributes: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Name and value of each attribute of a segment, options by their names."""
    for key, value in chosen.items():
        attribute = as_object(attributes.get(key))
        name, options = attribute.get("aname"), attribute.get("options") or {}
        if not isinstance(name, str) or not isinstance(value, str):
            raise MalformedError(f"attribute {key!r:.40} must have a name and a text value")
        several = attribute.get("type") == _CHECKBOX
        for one in value.split(",") if several else [value]:
            yield name, str(as_object(options).get(one, one))
