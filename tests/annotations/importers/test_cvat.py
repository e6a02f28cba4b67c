from __future__ import annotations

import re
from pathlib import Path

import pytest

from aher_lightning.annotations.importers.collector import ImportOptions, SegmentCollector, no_video
from aher_lightning.annotations.importers.cvat import consecutive_runs, is_cvat, read_cvat, visible_runs
from aher_lightning.annotations.importers.xml_files import parse_xml
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError
from tests.helpers.annotation_tools import CVAT, ELAN, box, counts, cvat, import_text, segments, video_info


def track(*shapes: str, label: str = "pour") -> str:
    return f'<track id="0" label="{label}" source="manual">{"".join(shapes)}</track>'


def image(frame: int, *labels: str, shapes: str = "") -> str:
    tags = "".join(f'<tag label="{label}" source="manual"></tag>' for label in labels)
    return f'<image id="{frame}" name="frame_{frame:06d}" width="64" height="48">{shapes}{tags}</image>'


def test_stretches_in_which_a_track_is_visible_become_segments(tmp_path: Path) -> None:
    found = import_text(tmp_path, CVAT, fps=10)
    assert segments(found) == {"cvat_a": [Instance("pour", 1.0, 3.0), Instance("pour", 5.0, 10.0)]}
    assert found.videos[0].duration_sec == 60.0
    assert not found.left_out


def test_without_the_video_the_last_frame_of_the_task_ends_it(tmp_path: Path) -> None:
    found = import_text(tmp_path, CVAT, fps=10, find_video=no_video)
    assert found.videos[0].duration_sec == 10.0
    old = CVAT.replace("<stop_frame>99</stop_frame>", "")
    assert import_text(tmp_path, old, fps=10, find_video=no_video).videos[0].duration_sec == 10.0


def test_the_frame_rate_is_the_given_one_else_that_of_the_video(tmp_path: Path) -> None:
    assert segments(import_text(tmp_path, CVAT))["cvat_a"][0] == Instance("pour", 10 / 25, 30 / 25)
    with pytest.raises(AnnotationError, match=r"video 'cvat_a': the file counts frames; give --fps, or --videos"):
        import_text(tmp_path, CVAT, find_video=no_video)
    with pytest.raises(AnnotationError, match=r"v.mp4 has no constant frame rate; give --fps"):
        import_text(tmp_path, CVAT, find_video=lambda _: video_info(has_constant_rate=False))


def test_tags_on_frames_that_follow_one_another_become_segments(tmp_path: Path) -> None:
    content = image(4, "pour") + image(5, "pour", "stir", shapes=box(5, 0)) + image(6) + image(7, "pour")
    found = import_text(tmp_path, cvat(content), fps=10)
    expected = [Instance("pour", 0.4, 0.6), Instance("pour", 0.7, 0.8), Instance("stir", 0.5, 0.6)]
    assert segments(found) == {"cvat_a": expected}
    assert counts(found) == {"shapes on images": 1}


def test_with_every_fifth_frame_neighbours_are_five_apart(tmp_path: Path) -> None:
    tags = "".join(image(frame, "pour") for frame in (0, 5, 10, 95))
    found = import_text(tmp_path, cvat(tags, "step=5"), fps=10)
    assert segments(found)["cvat_a"] == [Instance("pour", 0.0, 1.5), Instance("pour", 9.5, 10.0)]
    found = import_text(tmp_path, cvat(track(box(20, 0), box(25, 0)), "step = 5"), fps=10)
    assert segments(found)["cvat_a"] == [Instance("pour", 2.0, 3.0)]


def test_a_skeleton_is_visible_with_any_of_its_parts(tmp_path: Path) -> None:
    def skeleton(frame: int, *outside: int) -> str:
        parts = "".join(f'<points label="p" outside="{one}" points="1.0,2.0"/>' for one in outside)
        return f'<skeleton frame="{frame}" keyframe="1">{parts}<attribute name="a">b</attribute></skeleton>'

    content = cvat(track(skeleton(0, 0, 1), skeleton(6, 1, 1)))
    assert segments(import_text(tmp_path, content, fps=10))["cvat_a"] == [Instance("pour", 0.0, 0.6)]


def test_a_project_has_several_videos(tmp_path: Path) -> None:
    tasks = "".join(
        f"<task><id>{key}</id><name>t</name><size>50</size><source>p{key}.mp4</source></task>" for key in (3, 4)
    )
    meta = f"<meta><project><id>1</id><tasks>{tasks}</tasks></project></meta>"
    tracks = track(box(0, 0), box(5, 1)).replace("<track ", '<track task_id="4" ')
    text = f"<annotations>{meta}{tracks}</annotations>"
    assert segments(import_text(tmp_path, text, fps=10)) == {"p3": [], "p4": [Instance("pour", 0.0, 0.5)]}
    with pytest.raises(AnnotationError, match="track 0: belongs to the task None"):
        import_text(tmp_path, text.replace('task_id="4"', ""), fps=10)
    with pytest.raises(AnnotationError, match="task '3': occurs twice"):
        import_text(tmp_path, text.replace("<id>4</id>", "<id>3</id>"), fps=10)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('frame="10"', 'frame="-1"', "track 0: frame must be a whole number, but is '-1'"),
        ('frame="10"', "", "track 0: frame must be a whole number, but is missing"),
        ('outside="1"', 'outside="yes"', "track 0: \"outside\" must be 0 or 1, but is 'yes'"),
        ('label="pour"', "", "track 0: has no label"),
        ("<stop_frame>99", "<stop_frame>x", "task '7': stop_frame must be a whole number"),
        ("<frame_filter>", "<frame_filter>every=2", "frame_filter must be a whole number"),
        ("<source>cvat_a.mp4</source>", "<source>..</source>", "is no plain file name"),
        ("task>", "thing>", "names no task"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in CVAT
    with pytest.raises(AnnotationError, match=re.escape(message)):
        import_text(tmp_path, CVAT.replace(old, new), fps=10)


def test_an_image_without_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="image 1: id must be a whole number"):
        import_text(tmp_path, cvat(image(0, "a") + '<image id="x"/>'), fps=10)


def test_the_root_tells_the_tool() -> None:
    assert is_cvat(parse_xml(CVAT.encode()))
    assert not is_cvat(parse_xml(ELAN.encode()))
    assert not is_cvat(parse_xml(b"<annotations/>"))
    assert not is_cvat([])
    with pytest.raises(MalformedError, match="has no XML root element"):
        read_cvat({}, SegmentCollector(ImportOptions()))


@pytest.mark.parametrize(
    ("marks", "step", "runs"),
    [
        ([], 1, []),
        ([(3, False)], 1, []),
        ([(3, True)], 1, [(3, 4)]),
        ([(3, True), (4, False)], 1, [(3, 4)]),
        ([(9, True), (0, True), (5, False)], 4, [(0, 5), (9, 13)]),
        ([(0, False), (2, True), (4, True), (6, False), (8, False)], 2, [(2, 6)]),
    ],
)
def test_a_run_is_visible_until_the_next_mark_outside(
    marks: list[tuple[int, bool]], step: int, runs: list[tuple[int, int]]
) -> None:
    assert list(visible_runs(marks, step)) == runs


@pytest.mark.parametrize(
    ("frames", "step", "runs"),
    [
        ([], 1, []),
        ([0], 1, [(0, 1)]),
        ([2, 1, 1, 4], 1, [(1, 3), (4, 5)]),
        ([0, 5, 10, 20], 5, [(0, 15), (20, 25)]),
        ([0, 10**12], 1, [(0, 1), (10**12, 10**12 + 1)]),
    ],
)
def test_consecutive_frames_are_joined(frames: list[int], step: int, runs: list[tuple[int, int]]) -> None:
    assert list(consecutive_runs(frames, step)) == runs


def test_runs_cover_exactly_the_frames() -> None:
    frames = [number for number in range(60) if number % 7 not in {2, 3}]
    covered = [frame for first, end in consecutive_runs(frames, 1) for frame in range(first, end)]
    assert covered == frames
