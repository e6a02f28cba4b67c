from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.annotations.category_lists import (
    plain_name,
    read_categories,
    read_category_groups,
    read_split,
    read_taxonomy_leaves,
)
from aher_lightning.errors import AnnotationError, ConfigError


def write(folder: Path, content: object) -> Path:
    path = folder / "file.json"
    path.write_text(json.dumps(content))
    return path


def test_a_list_is_read_in_order(tmp_path: Path) -> None:
    path = write(tmp_path, ["wave", "jump"])
    assert read_categories(path) == ["wave", "jump"]
    with pytest.raises(AnnotationError, match=r"file\.json: has no groups; leave out the group 'moment'"):
        read_categories(path, "moment")


def test_a_group_is_read_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, {"untrimmed": ["wave"], "moment": ["jump", "bow"]})
    assert read_categories(path, "moment") == ["jump", "bow"]
    with pytest.raises(AnnotationError, match="needs a group; groups that exist: 'untrimmed', 'moment'"):
        read_categories(path)
    with pytest.raises(AnnotationError, match="has no group 'am'; groups that exist: 'untrimmed', 'moment'"):
        read_categories(path, "am")


@pytest.mark.parametrize("content", [[], ["wave", 3], ["wave", ""], "wave", 7, None, [["wave"]]])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(AnnotationError, match="categories must be a non-empty list of names"):
        read_categories(write(tmp_path, content))
    with pytest.raises(AnnotationError, match="categories must be a non-empty list of names"):
        read_categories(write(tmp_path, {"moment": content}), "moment")


def test_repeated_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="a category is listed twice"):
        read_categories(write(tmp_path, ["wave", "jump", "wave"]))
    with pytest.raises(AnnotationError, match="no such file"):
        read_categories(tmp_path / "missing.json")


def test_all_groups_are_read_in_order(tmp_path: Path) -> None:
    content = {"moment": ["jump", "bow"], "untrimmed": ["wave"]}
    groups = read_category_groups(write(tmp_path, content))
    assert list(groups.items()) == list(content.items())
    assert read_category_groups(write(tmp_path, ["wave", "jump"])) == {"": ["wave", "jump"]}


def test_a_category_in_two_groups_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"a": ["wave"], "b": ["jump"], "c": ["bow", "wave"]})
    with pytest.raises(
        AnnotationError, match=r"file\.json: the category 'wave' is in the groups 'a' and 'c'; leave it"
    ):
        read_category_groups(path)
    assert read_categories(path, "c") == ["bow", "wave"]


@pytest.mark.parametrize("content", [[], "wave", 7, None, {"a": []}, {"a": ["wave"], "b": "jump"}, {"a": {"b": []}}])
def test_groups_of_anything_else_are_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(AnnotationError, match="categories must be a non-empty list of names"):
        read_category_groups(write(tmp_path, content))
    with pytest.raises(AnnotationError, match="has no group of categories; add one"):
        read_category_groups(write(tmp_path, {}))


def test_leaves_are_the_nodes_without_children(tmp_path: Path) -> None:
    nodes = [
        {"nodeId": 0, "nodeName": "Root", "parentId": None, "parentName": None},
        {"nodeId": 1, "nodeName": "Sports", "parentId": 0, "parentName": "Root"},
        {"nodeId": 2, "nodeName": "Zumba", "parentId": 1, "parentName": "Sports"},
        {"nodeId": 3, "nodeName": "Archery", "parentId": 1, "parentName": "Sports"},
    ]
    assert read_taxonomy_leaves(write(tmp_path, {"taxonomy": nodes})) == ["Zumba", "Archery"]


@pytest.mark.parametrize("content", [{}, {"taxonomy": []}, {"taxonomy": None}])
def test_a_taxonomy_is_optional(tmp_path: Path, content: object) -> None:
    assert read_taxonomy_leaves(write(tmp_path, content)) == []


@pytest.mark.parametrize("taxonomy", ["wave", {"a": 1}, [1], [{"nodeId": 1}], [{"nodeName": 3}]])
def test_an_odd_taxonomy_is_refused(tmp_path: Path, taxonomy: object) -> None:
    with pytest.raises(AnnotationError, match='"taxonomy" is not a list of nodes'):
        read_taxonomy_leaves(write(tmp_path, {"taxonomy": taxonomy}))


def test_a_split_has_two_sets_without_a_common_category(tmp_path: Path) -> None:
    split = {"untrimmed": ["wave"], "moment": ["jump", "bow"], "same": [["wave", "bow"]]}
    assert read_split(write(tmp_path, split)) == (["wave"], ["jump", "bow"])
    with pytest.raises(ConfigError, match=r"file\.json: category 'wave' is in both category sets; leave it in one"):
        read_split(write(tmp_path, {"untrimmed": ["jump", "wave"], "moment": ["wave"]}))
    with pytest.raises(AnnotationError, match="has no group 'moment'"):
        read_split(write(tmp_path, {"untrimmed": ["wave"]}))


def test_plain_names_forget_case_and_punctuation() -> None:
    assert plain_name("Carving jack-o-lanterns") == "carvingjackolanterns"
    assert plain_name("massaging_person's_head") == plain_name("Massaging person's head")
    assert plain_name("passing football (in game)") != plain_name("passing football (not in game)")
