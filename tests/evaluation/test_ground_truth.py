from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.errors import AnnotationError
from aher_lightning.evaluation.ground_truth import GroundTruthChoice, read_ground_truth
from aher_lightning.evaluation.ground_truth_fingerprint import ground_truth_fingerprint
from aher_lightning.evaluation.protocol import PROTOCOLS
from tests.helpers.paper_data import entry
from tests.helpers.real_data import real_data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    database = {
        "a": entry("test", ("wave", 1, 4), ("Ambiguous", 5, 6), ("point", 7, 7)),
        "b": entry("test", ("Ambiguous", 1, 2)),
        "c": entry("test", ("jump", 1, 2)),
        "d": entry("training", ("bow", 1, 2)),
    }
    (tmp_path / "truth.json").write_text(json.dumps({"database": database}))
    return tmp_path / "truth.json"


def test_excluded_categories_leave_their_videos_behind(path: Path) -> None:
    truth = read_ground_truth(path, GroundTruthChoice("test", excluded_categories=("Ambiguous",)))
    assert {name: [one.label for one in video.instances] for name, video in truth.videos.items()} == {
        "a": ["wave", "point"],
        "b": [],
        "c": ["jump"],
    }
    # Predictions may name what is excluded, or what other videos show.
    assert truth.categories == ["wave", "Ambiguous", "point", "jump", "bow"]


def test_excluded_videos_are_gone(path: Path) -> None:
    truth = read_ground_truth(path, GroundTruthChoice("test", excluded_videos=frozenset({"a", "d", "elsewhere"})))
    assert list(truth.videos) == ["b", "c"]
    assert truth.num_excluded == 1
    everything = read_ground_truth(path, GroundTruthChoice("test"))
    assert (list(everything.videos), everything.num_excluded) == (["a", "b", "c"], 0)


def test_only_included_videos_stay(path: Path) -> None:
    choice = GroundTruthChoice(
        "test", included_videos=frozenset({"a", "b", "d", "elsewhere"}), excluded_videos=frozenset({"b"})
    )
    truth = read_ground_truth(path, choice)
    assert list(truth.videos) == ["a"]
    # Predictions in the others do not count, as if these were excluded.
    assert (truth.num_excluded, truth.excluded_videos) == (2, frozenset({"b", "c"}))


def test_groups_leave_out_everything_else(path: Path) -> None:
    truth = read_ground_truth(path, GroundTruthChoice("test", groups={"one": ["wave", "swim"], "two": ["jump"]}))
    assert {name: [one.label for one in video.instances] for name, video in truth.videos.items()} == {
        "a": ["wave"],
        "c": ["jump"],
    }
    assert "swim" in truth.categories


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (GroundTruthChoice("validation"), "no video is in the subset 'validation'"),
        (GroundTruthChoice("training", excluded_categories=("bow",)), "the subset 'training' has no instance"),
        (
            GroundTruthChoice("training", excluded_videos=frozenset("d")),
            "no instance outside its 1 excluded videos; exclude",
        ),
        (
            GroundTruthChoice("training", {"a": ["bow"]}, excluded_videos=frozenset("d")),
            "outside its 1 excluded videos",
        ),
        (
            GroundTruthChoice("test", included_videos=frozenset({"v_a"})),
            "none of the 1 included videos is annotated: annotated ids look",
        ),
        (GroundTruthChoice("test", {"a": ["swim"]}), "no video of the subset 'test' has an instance of the 1 requ"),
        (GroundTruthChoice("test", {"a": ["wave"], "b": ["swim"]}), "has no instance of the group 'b'"),
    ],
)
def test_ground_truth_without_anything_is_refused(path: Path, choice: GroundTruthChoice, message: str) -> None:
    with pytest.raises(AnnotationError, match=rf"truth\.json: .*{message}"):
        read_ground_truth(path, choice)


def test_a_folder_is_that_of_thumos14(tmp_path: Path) -> None:
    (tmp_path / "temporal_annotations_test").mkdir()
    (tmp_path / "temporal_annotations_test" / "Diving_test.txt").write_text("v_1 3.0 4.5\n")
    (tmp_path / "temporal_annotations_test" / "Ambiguous_test.txt").write_text("v_2 1.0 2.0\n")
    (tmp_path / "test_durations.txt").write_text("v_1.mp4\n10\nv_2.mp4\n5\n")
    protocol = PROTOCOLS["thumos14"]
    choice = GroundTruthChoice(protocol.subset, excluded_categories=protocol.excluded_categories)
    truth = read_ground_truth(tmp_path, choice)
    assert [(name, len(video.instances)) for name, video in truth.videos.items()] == [("v_1", 1), ("v_2", 0)]
    with pytest.raises(
        AnnotationError,
        match="is a folder of THUMOS14 annotations, which has no subset 'training'; choose 'validation' or 'test'",
    ):
        read_ground_truth(tmp_path, GroundTruthChoice("training"))


def test_published_ground_truth_has_its_counts_and_name() -> None:
    protocol = PROTOCOLS["thumos14"]
    choice = GroundTruthChoice(protocol.subset, excluded_categories=protocol.excluded_categories)
    truth = read_ground_truth(real_data("thumos14/annotations"), choice)
    assert len(truth.videos) == 213
    assert sum(bool(video.instances) for video in truth.videos.values()) == 212
    assert sum(len(video.instances) for video in truth.videos.values()) == 3358
    assert ground_truth_fingerprint(truth.videos.values()) == "a0d228329f11"
    activitynet = read_ground_truth(
        real_data("activitynet/activity_net.v1-3.json"), GroundTruthChoice(PROTOCOLS["activitynet"].subset)
    )
    assert (len(activitynet.videos), sum(len(one.instances) for one in activitynet.videos.values())) == (4926, 7654)
    assert ground_truth_fingerprint(activitynet.videos.values()) == "6e3928dc0c4c"


def test_a_table_without_subsets_is_all_evaluated(tmp_path: Path) -> None:
    path = tmp_path / "truth.tsv"
    path.write_text("video\tstart\tend\tlabel\nv\t1\t4\twave\nw\t2\t2\tbow\nw\t5\t6\tAmbiguous\n")
    truth = read_ground_truth(path, GroundTruthChoice("validation", excluded_categories=("Ambiguous",)))
    assert {name: len(video.instances) for name, video in truth.videos.items()} == {"v": 1, "w": 1}
    assert truth.categories == ["wave", "bow", "Ambiguous"]
    path.write_text("video\tstart\tend\tlabel\tsubset\nv\t1\t4\twave\ttest\n")
    with pytest.raises(AnnotationError, match=r"truth\.tsv: no video is in the subset 'validation'"):
        read_ground_truth(path, GroundTruthChoice("validation"))


def test_the_published_json_of_thumos14_has_its_counts_and_name() -> None:
    truth = read_ground_truth(real_data("thumos14/thumos_gt.json"), GroundTruthChoice(PROTOCOLS["thumos14"].subset))
    assert (len(truth.videos), sum(len(video.instances) for video in truth.videos.values())) == (210, 3_311)
    assert len(truth.categories) == 20
    assert ground_truth_fingerprint(truth.videos.values()) == "3ca83674329b"
