from __future__ import annotations

import re
from pathlib import Path

import pytest

from aher_lightning.annotations.importers.collector import ImportOptions, SegmentCollector
from aher_lightning.annotations.importers.elan import is_elan, read_elan
from aher_lightning.annotations.importers.xml_files import parse_xml
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError
from tests.helpers.annotation_tools import CVAT, ELAN, counts, import_text, segments


def test_annotations_between_slots_become_segments_of_the_video(tmp_path: Path) -> None:
    found = import_text(tmp_path, ELAN)
    assert segments(found) == {"kitchen 1": [Instance("cut bread", 1.5, 4.0), Instance("hello", 4.0, 9.25)]}
    assert counts(found) == {"without label": 1, "without times of their own": 2}
    assert found.tiers == ("action", "speech", "note")


def test_tiers_are_chosen_and_can_be_the_label(tmp_path: Path) -> None:
    found = import_text(tmp_path, ELAN, tiers=["action"], label_from="tier")
    assert segments(found) == {"kitchen 1": [Instance("action", 1.5, 4.0), Instance("action", 4.0, 9.25)]}
    assert counts(found) == {"without times of their own": 1, "of other tiers": 2}


def test_times_are_moved_where_annotating_began_later_in_the_video(tmp_path: Path) -> None:
    moved = ELAN.replace('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="2250"')
    assert segments(import_text(tmp_path, moved))["kitchen 1"][0] == Instance("cut bread", 3.75, 6.25)
    earlier = ELAN.replace('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="-2000"')
    assert segments(import_text(tmp_path, earlier))["kitchen 1"][0] == Instance("cut bread", -0.5, 2.0)


def test_the_first_medium_counts_where_none_is_a_video(tmp_path: Path) -> None:
    assert list(segments(import_text(tmp_path, ELAN.replace("video/mp4", "audio/mp4")))) == ["e1"]
    relative = ELAN.replace('MEDIA_URL="file:///D:/takes/kitchen%201.mp4"', 'RELATIVE_MEDIA_URL="./r.mp4"')
    assert list(segments(import_text(tmp_path, relative))) == ["r"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('TIME_VALUE="1500"', 'TIME_VALUE="-3"', "TIME_VALUE of time slot 'ts1' must be a whole number, but is '-3'"),
        ('TIME_VALUE="1500"', 'TIME_VALUE="nan"', "but is 'nan'"),
        ('TIME_VALUE="1500"', f'TIME_VALUE="{"9" * 400}"', "TIME_VALUE of time slot 'ts1' must be a whole number"),
        ('TIME_SLOT_REF1="ts1"', "", "tier 'action', annotation 'a1': a time slot is not named"),
        ('TIME_SLOT_REF1="ts1"', 'TIME_SLOT_REF1="x"', "annotation 'a1': time slot 'x' does not exist"),
        ('TIER_ID="action"', "", "a TIER has no TIER_ID"),
        ("HEADER", "HEAD", "has no HEADER"),
        ("milliseconds", "PAL-frames", "has times in 'PAL-frames'; only milliseconds"),
        ("MEDIA_DESCRIPTOR", "MEDIUM", "links no video"),
        ("kitchen%201.mp4", "", "is no plain file name"),
        ('"video/mp4"', '"video/mp4" TIME_ORIGIN="1.5"', "TIME_ORIGIN must be a whole number"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in ELAN
    with pytest.raises(AnnotationError, match=re.escape(message)) as failure:
        import_text(tmp_path, ELAN.replace(old, new))
    assert str(failure.value).startswith(str(tmp_path / "annotated"))
    assert "\n" not in str(failure.value)


def test_the_root_tells_the_tool() -> None:
    assert is_elan(parse_xml(ELAN.encode()))
    assert not is_elan(parse_xml(CVAT.encode()))
    assert not is_elan({})
    with pytest.raises(MalformedError, match="has no XML root element"):
        read_elan({}, SegmentCollector(ImportOptions()))
