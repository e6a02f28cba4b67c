from __future__ import annotations

from pathlib import Path

import matplotlib.image

from aher_lightning.analyses.timeline_bars import TimelineBar
from aher_lightning.figures import COLOURS
from aher_lightning.reports.videos.timelines import TimelinePanel, draw_timelines
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
