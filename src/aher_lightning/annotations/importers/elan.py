"""ELAN: annotation files (``.eaf``) whose tiers hold annotations between time slots."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from aher_lightning.annotations.importers.collector import SegmentCollector, at_place, whole_number
from aher_lightning.files.json_files import MalformedError

_OFFSET = re.compile(r"-?[0-9]{1,15}")


def is_elan(document: object) -> bool:
    """Tell whether a parsed file is one of ELAN: its root is an ``ANNOTATION_DOCUMENT``."""
    return isinstance(document, Element) and document.tag == "ANNOTATION_DOCUMENT"


def read_elan(document: object, collector: SegmentCollector) -> None:
    """Collect the annotations of an ELAN file.

    An annotation lasts from one time slot to another, in milliseconds. Those without times of their own are left out
    and counted: annotations that refer to another one, and those at a slot without time. The video is the first
    linked file of a video type, else the first linked file. If its annotations begin later in that file
    (``TIME_ORIGIN``), times are shifted to those of the file.

    Implements ``ANNOTATION_DOCUMENT`` of "ELAN Annotation Format, EAF" (H. Sloetjes, version 3.0, The Language
    Archive), http://www.mpi.nl/tools/elan/EAFv3.0.xsd. The package pympi-ling is not used: it expands entities and
    has no types.

    Raises:
        MalformedError: If an element is missing or invalid; the message names the place.
    """
    if not isinstance(document, Element):
        raise MalformedError("has no XML root element")
    address, origin_ms = _find_media(document)
    video_id = collector.add_video(address)
    slots_ms = _read_slots(document)
    for tier in document.iter("TIER"):
        name = tier.get("TIER_ID")
        if not name:
            raise MalformedError("a TIER has no TIER_ID; save the file again with ELAN")
        if not collector.wants_tier(name):
            collector.left_out["of other tiers"] += sum(1 for _ in tier.iter("ANNOTATION"))
            continue
        collector.left_out["without times of their own"] += sum(1 for _ in tier.iter("REF_ANNOTATION"))
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            with at_place(f"tier {name!r:.40}, annotation {annotation.get('ANNOTATION_ID', '')!r:.40}"):
                start_ms, end_ms = (_slot(slots_ms, annotation.get(f"TIME_SLOT_REF{end}")) for end in (1, 2))
                if start_ms is None or end_ms is None:
                    collector.left_out["without times of their own"] += 1
                    continue
                span_sec = ((start_ms + origin_ms) / 1000, (end_ms + origin_ms) / 1000)
                collector.add(video_id, name, annotation.findtext("ANNOTATION_VALUE") or "", span_sec)


def _find_media(document: Element) -> tuple[str, int]:
    """Path or URL of the annotated video, and the time in it at which the annotations begin, in milliseconds."""
    header = document.find("HEADER")
    if header is None:
        raise MalformedError("has no HEADER; save the file again with ELAN")
    units = header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise MalformedError(f"has times in {units!r:.40}; only milliseconds are supported")
    media = list(header.iter("MEDIA_DESCRIPTOR"))
    if not media:
        raise MalformedError("links no video; link one in ELAN (Edit, Linked Files) and save again")
    chosen = next((one for one in media if one.get("MIME_TYPE", "").startswith("video/")), media[0])
    origin = chosen.get("TIME_ORIGIN") or "0"
    if not _OFFSET.fullmatch(origin):
        raise MalformedError(f"TIME_ORIGIN must be a whole number, but is {origin!r:.40}")
    return chosen.get("MEDIA_URL") or chosen.get("RELATIVE_MEDIA_URL") or "", int(origin)


def _read_slots(document: Element) -> dict[str, int | None]:
    """Times of the slots in milliseconds, if they have any."""
    slots: dict[str, int | None] = {}
    for slot in document.iter("TIME_SLOT"):
        name, text = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        slots[name] = None if text is None else whole_number(text, f"TIME_VALUE of time slot {name!r:.40}")
    return slots


def _slot(slots_ms: dict[str, int | None], name: str | None) -> int | None:
    """Time of a slot in milliseconds, if it has one."""
    if name is None or name not in slots_ms:
        raise MalformedError("a time slot is not named" if name is None else f"time slot {name!r:.40} does not exist")
    return slots_ms[name]
