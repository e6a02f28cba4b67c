from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.importers.via import is_via
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import AnnotationError
from tests.helpers.annotation_tools import LABEL_STUDIO, VIA, counts, import_text, segments


def changed(**parts: dict[str, Any]) -> str:
    """The project with entries of its parts replaced; ``None`` removes one."""
    project = copy.deepcopy(VIA)
    for part, entries in parts.items():
        project[part].update(entries)
        project[part] = {key: value for key, value in project[part].items() if value is not None}
    return json.dumps(project)


def test_each_attribute_of_a_temporal_segment_makes_an_instance(tmp_path: Path) -> None:
    found = import_text(tmp_path, json.dumps(VIA))
    assert segments(found) == {
        "via_a": [Instance("break egg", 2.0, 6.5), Instance("right", 9.25, 20.0)],
        "via_b": [Instance("egg", 8.0, 23.0), Instance("bread", 8.0, 23.0)],
    }
    assert counts(found) == {
        "regions": 1,
        "deleted": 1,
        "without a span": 1,
        "without label": 1,
        "files without segments": 1,
    }
    assert found.tiers == ("action", "hand", "food")


def test_attributes_are_tiers(tmp_path: Path) -> None:
    found = import_text(tmp_path, json.dumps(VIA), tiers=["action"])
    assert segments(found) == {"via_a": [Instance("break egg", 2.0, 6.5)], "via_b": []}
    assert counts(found)["of other tiers"] == 3


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"metadata": {"1_a": 3}}, "metadata '1_a': is a JSON number where an object is expected"),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "z": [1, "x"]}}}, "metadata '1_a': end must be a number"),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "z": [float("nan"), 1]}}}, "'1_a': start must be finite"),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "z": None}}}, '\'1_a\': "z" and "xy" must be lists'),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "vid": 1}}}, "'1_a': \"vid\" must be the name of a view"),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "vid": "9"}}}, "'1_a': is a JSON null where an object"),
        ({"metadata": {"1_a": {**VIA["metadata"]["1_a"], "av": {"9": "x"}}}}, "'1_a': is a JSON null"),
        (
            {"metadata": {"1_a": {**VIA["metadata"]["1_a"], "av": {"1": 5}}}},
            "attribute '1' must have a name and a text",
        ),
        ({"view": {"1": {"fid_list": ["1", "2"]}}}, "view '1' must show one file"),
        ({"file": {"1": {"fname": 4}}}, "file '1' has no \"fname\""),
        ({"file": {"2": {"fname": "b/via_a.avi"}}}, "two videos have the id 'via_a'"),
        ({"file": {"1": {"fname": ".."}}}, "is no plain file name"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, parts: dict[str, dict[str, Any]], message: str) -> None:
    with pytest.raises(AnnotationError, match=re.escape(message)):
        import_text(tmp_path, changed(**parts))


def test_a_part_of_another_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match='"view": is a JSON array where an object is expected'):
        import_text(tmp_path, json.dumps({**VIA, "view": []}))


def test_the_keys_tell_the_tool() -> None:
    assert is_via(VIA)
    assert not is_via(LABEL_STUDIO)
    assert not is_via({"_via_settings": {}, "_via_img_metadata": {}})
