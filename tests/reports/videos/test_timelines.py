from __future__ import annotations

import math
from pathlib import Path

import matplotlib.image
import pytest

from aher_lightning.analyses.timeline_bars import TimelineBar
from aher_lightning.annotations.records import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.figures import COLOURS
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.timelines import TimelinePanel, draw_timelines, write_timeline_figure
from tests.helpers.figures import count_pixels, svg_texts, svg_with_texts


def bar(start: float, end: float, label: str = "nod", score: float | None = None) -> TimelineBar:
    return TimelineBar("v", "row", start, end, label, score)


def panel(**rows: list[TimelineBar]) -> TimelinePanel:
    return TimelinePanel("v_[1]", 20.0, rows)


def height(path: Path) -> int:
    return int(matplotlib.image.imread(path).shape[0])


def test_rows_scores_and_categories_are_written(tmp_path: Path) -> None:
    found = [bar(0.0, 9.0, "wave", 0.875), bar(19.8, 20.0, "nod", 0.25), bar(0.0, 0.1, "nod", 0.5)]
    with svg_with_texts():
        draw_timelines(tmp_path / "new" / "t.svg", [panel(truth=[bar(1.0, 5.0)], system=found, nothing=[])])
    texts = [text.strip() for text in svg_texts(tmp_path / "new" / "t.svg")]
    for text in ("v_[1]  (20.0 s)", "truth", "system", "nothing", "0.88", "0.25", "0.50", "wave", "nod", "time (s)"):
        assert text in texts


def test_a_bar_is_as_long_as_its_segment(tmp_path: Path) -> None:
    draw_timelines(tmp_path / "t.png", [panel(a=[bar(0.0, 12.0, "one")], b=[bar(4.0, 8.0, "two")])])
    long, short = (count_pixels(tmp_path / "t.png", colour) for colour in COLOURS[:2])
    assert 2.5 < long / short < 3.1  # three times, but for the colours of the legend


def test_bars_that_overlap_take_lanes_of_their_own(tmp_path: Path) -> None:
    apart, together = [bar(0.0, 5.0), bar(5.0, 9.0)], [bar(0.0, 5.0), bar(4.0, 9.0)]
    short = [bar(0.0, 0.1, score=0.5), bar(0.5, 3.0, score=0.4)]  # the score of the first one needs room
    for name, bars in {"apart": apart, "together": together, "short": short, "none": []}.items():
        draw_timelines(tmp_path / f"{name}.png", [panel(truth=[bar(0.0, 1.0)], a=bars)])
    assert height(tmp_path / "none.png") == height(tmp_path / "apart.png")
    assert height(tmp_path / "apart.png") < height(tmp_path / "together.png") == height(tmp_path / "short.png")


def test_more_categories_than_colours_and_no_bar_at_all(tmp_path: Path) -> None:
    many = [bar(float(number), number + 1.0, f"category {number}", 0.5) for number in range(20)]
    with svg_with_texts():
        draw_timelines(tmp_path / "many.svg", [panel(a=many)])
        draw_timelines(tmp_path / "none.svg", [panel(a=[])])
    assert {one.label for one in many} <= set(svg_texts(tmp_path / "many.svg"))
    assert "time (s)" in svg_texts(tmp_path / "none.svg")


ROWS = [DetectionRow("wave", 0.875, 0.0, 9.0), DetectionRow("no_d $x$", 0.25, 15.0, 30.0)]
TRUTH = [Instance("wave", 1.0, 8.0)]


def test_one_video_with_its_annotated_actions(tmp_path: Path) -> None:
    with svg_with_texts():
        write_timeline_figure(tmp_path / "new" / "v.svg", "v_1", 20.0, ROWS, TRUTH)
        write_timeline_figure(tmp_path / "bare.svg", "v_1", 20.0, [])
    texts = [text.strip() for text in svg_texts(tmp_path / "new" / "v.svg")]
    for text in ("v_1  (20.0 s)", "ground truth", "detections", "0.88", "0.25", "wave"):
        assert text in texts
    bare = svg_texts(tmp_path / "bare.svg")
    assert "detections" in bare
    assert "ground truth" not in bare


def test_bars_have_the_colour_of_their_category_and_end_with_the_video(tmp_path: Path) -> None:
    rows = [DetectionRow("wave", 0.5, 0.0, 12.0), DetectionRow("nod", 0.5, 16.0, 99.0), DetectionRow("x", 1, 20, 21)]
    write_timeline_figure(tmp_path / "v.png", "v", 20.0, rows)
    long, short = (count_pixels(tmp_path / "v.png", colour) for colour in COLOURS[:2])
    assert 2.5 < long / short < 3.2
    assert count_pixels(tmp_path / "v.png", COLOURS[2]) == 0


@pytest.mark.parametrize(("ending", "head"), [("pdf", b"%PDF"), ("PNG", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_ending_decides_the_format(tmp_path: Path, ending: str, head: bytes) -> None:
    write_timeline_figure(tmp_path / f"v.{ending}", "v", 20.0, ROWS, TRUTH)
    assert (tmp_path / f"v.{ending}").read_bytes().startswith(head)


@pytest.mark.parametrize(
    ("name", "duration_sec", "rows", "message"),
    [
        ("v.jpeg2", 1.0, ROWS, r"unknown figure format; choose from \.pdf, \.png, \.svg"),
        ("v.svg", math.nan, ROWS, "the duration is nan s"),
        ("v.svg", 0.0, ROWS, "the duration is 0 s"),
        ("v.svg", 1.0, [ROWS[0]._replace(score=math.nan)], "prediction 0: segment or score is not finite"),
    ],
)
def test_unusable_arguments_are_refused(
    tmp_path: Path, name: str, duration_sec: float, rows: list[DetectionRow], message: str
) -> None:
    with pytest.raises(PredictionError, match=f"not written: {message}"):
        write_timeline_figure(tmp_path / name, "v", duration_sec, rows)
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PredictionError, match=r"v\.svg: cannot be written"):
        write_timeline_figure(tmp_path / "file" / "v.svg", "v", 1.0, ROWS)
