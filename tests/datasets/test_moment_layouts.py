from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datasets.moment_layouts import CategoryFolders, CutMoments, NamedFiles, NamePattern
from aher_lightning.errors import ConfigError, DataError
from tests.helpers.paper_data import touch


def test_folders_are_categories(tmp_path: Path) -> None:
    touch(tmp_path, "wave/1.mp4", "clap/2.webm", "clap/notes.txt", "empty/notes.txt", "loose.mp4")
    layout = CategoryFolders(tmp_path)
    assert layout.categories == ["clap", "wave"]
    assert layout.clips(["wave"]) == [TrimmedClip("wave--1", None, "wave")]
    assert layout.paths(["clap"]) == {"clap--2": tmp_path / "clap" / "2.webm"}
    assert layout.unmatched == {"moments, in no folder of a category": [tmp_path / "loose.mp4"]}


def test_names_are_categories(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(tmp_path, "a1_wave.mp4", "a2_clap.mp4", "a3_wave.avi", "b1_wave.mp4", "a4_wave.txt")
    layout = NamedFiles(tmp_path, NamePattern("a?_{category}"))
    assert layout.categories == ["clap", "wave"]
    assert layout.clips(["wave"]) == [
        TrimmedClip("wave--a1_wave", None, "wave"),
        TrimmedClip("wave--a3_wave", None, "wave"),
    ]
    assert layout.unmatched == {"moments, no name like 'a?_{category}'": [tmp_path / "b1_wave.mp4"]}
    assert list(layout.paths(["clap", "wave"])) == ["wave--a1_wave", "clap--a2_clap", "wave--a3_wave"]
    assert caplog.messages == [
        f"{tmp_path}: skipped 1 file that is not a video (.txt 1)",
        f"{tmp_path}: left out 1 of 4 video files: no name like 'a?_{{category}}' ('b1_wave.mp4' first)",
    ]


def test_instances_are_cut_out(tmp_path: Path) -> None:
    touch(tmp_path, "v.mp4")
    instances = (Instance("wave", 1.0, 2.0), Instance("clap", 3.0, 99.0), Instance("nod", 4.0, 5.0))
    videos = {name: AnnotatedVideo(name, "training", 9.0, instances) for name in "vw"}
    layout = CutMoments(tmp_path, videos)
    assert layout.categories == ["wave", "clap", "nod"]
    clips = layout.clips(["clap", "wave"])
    assert clips[:2] == [TrimmedClip("v", (1.0, 2.0), "wave"), TrimmedClip("v", (3.0, 9.0), "clap")]
    assert [clip.video_id for clip in clips] == ["v", "v", "w", "w"]
    assert layout.paths(["clap"]) == {"v": tmp_path / "v.mp4"}
    assert layout.paths(["yawn"]) == {}
    assert layout.unmatched == {}


def test_a_pattern_that_fits_no_file_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    message = r"none of the 2 video files, such as 'a\.mp4', has a name like 'v_\{category\}'; correct 'moment_names'"
    with pytest.raises(DataError, match=message):
        _ = NamedFiles(tmp_path, NamePattern("v_{category}")).categories


def test_a_folder_without_categories_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    with pytest.raises(
        DataError, match=r"has no folder of clips for any category; put clips into .*/<category>, or set"
    ):
        _ = CategoryFolders(tmp_path).categories


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    for layout in (CategoryFolders(tmp_path / "x"), NamedFiles(tmp_path / "x", NamePattern("{category}"))):
        with pytest.raises(DataError, match="x: no such folder of videos; put the video files there or correct"):
            _ = layout.categories


@pytest.mark.parametrize(
    ("pattern", "name", "category"),
    [
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q03_016_push", "push"),
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q03_016_shaking_hands", "shaking_hands"),
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q05_029_push", None),
        ("ut_s1_q0[1-4]_*_{category}", "my_ut_s1_q03_016_push", None),
        ("v_{category}_g*_c*", "v_ApplyEyeMakeup_g01_c02", "ApplyEyeMakeup"),
        ("v_{category}_g*_c*", "v_Hand_grip_g01_c02", "Hand_grip"),
        ("{category}", "anything at all", "anything at all"),
        ("{category}-??", "wave-01", "wave"),
        ("{category}-??", "wave-1", None),
        ("[!x]_{category}", "a_wave", "wave"),
        ("[!x]_{category}", "x_wave", None),
        ("a.b+(c)_{category}", "a.b+(c)_wave", "wave"),
        ("a.b_{category}", "axb_wave", None),
        ("v_{category}", "V_wave", None),
        ("v_{category}", "v_", None),
        ("[_{category}", "[_wave", "wave"),
        (r"[\]_{category}", "\\_wave", "wave"),
    ],
)
def test_names_tell_their_category(pattern: str, name: str, category: str | None) -> None:
    assert NamePattern(pattern).category(name) == category


@pytest.mark.parametrize(("pattern", "times"), [("v_*", 0), ("{category}_{category}", 2), ("", 0)])
def test_a_pattern_has_one_place_for_the_category(pattern: str, times: int) -> None:
    message = rf"has \{{category\}} {times} times; write it once, as in 'v_\{{category\}}_g\*_c\*'"
    with pytest.raises(ConfigError, match=message):
        NamePattern(pattern)
