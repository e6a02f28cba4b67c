from __future__ import annotations

import math
from pathlib import Path

import pytest

from aher_lightning.annotations.activitynet import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.figures import COLOURS
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.timeline_figure import write_timeline_figure
from tests.helpers.figures import count_pixels, svg_texts, svg_with_texts

ROWS = [DetectionRow("wave", 0.875, 0.0, 9.0), DetectionRow("no_d $x$", 0.25, 15.0, 30.0)]
TRUTH = [Instance("wave", 1.0, 8.0)]


def test_rows_scores_and_categories_are_written(tmp_path: Path) -> None:
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
        ("v.jpeg2", 1.0, ROWS, r"is no figure; end its name in \.pdf, \.png, \.svg"),
        ("v.svg", math.nan, ROWS, "the video lasts nan s"),
        ("v.svg", 0.0, ROWS, "the video lasts 0 s"),
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
