from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.category_lists import plain_name, read_categories, read_split
from aher_lightning.annotations.splits import split_path
from aher_lightning.annotations.thumos14 import read_thumos14
from aher_lightning.annotations.video_selection import list_categories, restrict
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.files.json_files import read_json
from tests.helpers.real_data import real_data

SIZES = {"anet_un_am": (87, 113), "th14_anet_fg": (20, 200), "anet_k600": (200, 600)}
ALIKE = {"anet_un_am": 0, "th14_anet_fg": 7, "anet_k600": 82}
"""Pairs of categories whose names differ in spelling alone, as docs/paper_settings.md says."""


@pytest.mark.parametrize("name", SIZES)
def test_every_setting_has_its_split(name: str) -> None:
    untrimmed, moment = read_split(split_path(name))
    assert (len(untrimmed), len(moment)) == SIZES[name]
    spelt = {plain_name(category) for category in moment}
    assert sum(plain_name(category) in spelt for category in untrimmed) == ALIKE[name]


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="no category split 'hacs' in the package; choose one of anet_k600, anet_un_am"
    ):
        split_path("hacs")


def leaves_below(taxonomy: Path, top: str) -> set[str]:
    """Names of the nodes without children below one node."""
    content = read_json(taxonomy, DataError)
    nodes = content["taxonomy"] if isinstance(content, dict) else content
    assert isinstance(nodes, list)
    parent = {node["nodeName"]: node["parentName"] for node in nodes}

    def is_below(name: str | None) -> bool:
        return name == top or (name is not None and is_below(parent.get(name)))

    return {name for name in set(parent) - set(parent.values()) if is_below(name)}


def test_the_first_split_follows_from_the_real_taxonomy() -> None:
    taxonomy = real_data("activitynet/taxonomy_v1-3.json")
    sports = leaves_below(taxonomy, "Sports, Exercise, and Recreation")
    untrimmed, moment = read_split(split_path("anet_un_am"))
    assert set(untrimmed) == sports
    assert set(moment) == leaves_below(taxonomy, "Root") - sports
    theirs = real_data("activitynet/un_am_split.json")
    assert (set(read_categories(theirs, "un")), set(read_categories(theirs, "am"))) == (set(untrimmed), set(moment))


def test_the_other_splits_follow_from_the_real_data() -> None:
    thumos, anet = read_split(split_path("th14_anet_fg"))
    annotations = real_data("thumos14/annotations")
    for videos in (read_thumos14(annotations, "validation"), read_thumos14(annotations, "test")):
        assert set(list_categories(videos)) == set(thumos)
    videos = read_activitynet(real_data("activitynet/activity_net.v1-3.json"), on_invalid="keep")
    assert set(list_categories(videos)) == set(anet)
    assert read_split(split_path("anet_k600"))[0] == anet
    # The order of the Kinetics categories is that of their indices.
    names = real_data("kinetics600/k600_category.txt").read_text().splitlines()
    assert read_split(split_path("anet_k600"))[1] == [name.strip().replace("_", " ") for name in names if name.strip()]


def test_the_first_split_divides_the_real_videos_as_published() -> None:
    videos = read_activitynet(real_data("activitynet/activity_net.v1-3.json"), on_invalid="keep")
    counts = {}
    for subset in ("training", "validation"):
        un, am = (restrict(videos, subset=subset, categories=names) for names in read_split(split_path("anet_un_am")))
        counts[subset] = tuple(sum(len(video.instances) for video in part.values()) for part in (un, am))
        both = set(un) & set(am)
        counts[f"{subset} videos"] = (len(set(un) - both), len(set(am) - both), len(both))
    assert counts == {
        "training": (7_772, 7_638),
        "training videos": (4_611, 5_413, 0),
        "validation": (3_876, 3_778),
        "validation videos": (2_292, 2_633, 1),
    }
