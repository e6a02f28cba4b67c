from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aher_lightning.annotations.records import Instance
from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.page import clock, render_video_page, video_url, write_video_page
from tests.helpers.browser import Visit, open_browser, visit, wait_until
from tests.helpers.videos import VideoSpec, write_video

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DURATION_SEC = 10.0
ROWS = [
    DetectionRow("nod", 0.25, 6.0, 9.0),
    DetectionRow("wave", 0.875, 2.0, 4.0),
    DetectionRow("wave", 0.5, 3.0, 5.0),
    DetectionRow("nod", 0.0625, 4 / 3, 2.5),
]
TRUTH = [Instance("wave", 2.25, 4.25), Instance("jump", 7.0, 8.0)]
EVIL = '</script></title><script>alert(1)</script><img src=x onerror=alert(1)>"&{{ 7 * 7 }}\u2028<!--'


def text_of(rows: list[DetectionRow] = ROWS, truth: list[Instance] | None = None) -> str:
    return render_video_page("v.mp4", "v.mp4", DURATION_SEC, rows, truth)


def data_of(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert isinstance(data, dict)
    return data


def test_rows_stand_by_category_best_first() -> None:
    data = data_of(text_of(truth=TRUTH))
    assert data["categories"] == ["wave", "nod", "jump"]
    assert data["segments"] == [
        [0, 0.875, 2.0, 4.0],
        [0, 0.5, 3.0, 5.0],
        [1, 0.25, 6.0, 9.0],
        [1, 0.0625, 4 / 3, 2.5],
        [0, None, 2.25, 4.25],
        [2, None, 7.0, 8.0],
    ]


def test_everything_is_there_without_scripts() -> None:
    page = text_of(truth=TRUTH)
    assert "4 detections in 2 categories, 2 annotated actions, 0:10.00" in page
    for text in (">0.875<", ">0.0625<", ">0:02.00<", ">0:04.25<", ">jump<", "<noscript>", "Ground truth"):
        assert text in page
    assert "Ground truth" not in text_of()
    assert "1 detection in 1 category, 0:10.00" in text_of(ROWS[:1])
    assert "0 detections, 0:10.00" in text_of([])


def test_names_cannot_leave_their_place() -> None:
    page = render_video_page("v.mp4", EVIL, 10.0, [ROWS[0]._replace(label=EVIL)], [Instance(EVIL, 1.0, 2.0)])
    assert page.count("<script") == 2
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page
    assert data_of(page)["categories"] == [EVIL.replace("\u2028", "\ufffd")]


@pytest.mark.parametrize(
    ("page", "video", "url"),
    [
        ("out/v.html", "out/v.mp4", "v.mp4"),
        ("out/v.html", "a/b/v.mp4", "../a/b/v.mp4"),
        ("v.html", "http:v.mp4", "http%3Av.mp4"),
        ("v.html", "a#1?b&\"<'é.mp4", "a%231%3Fb%26%22%3C%27%C3%A9.mp4"),
        ("out/../v.html", "./v.mp4", "v.mp4"),
        ("v.html", "\udcff.mp4", "%FF.mp4"),
    ],
)
def test_addresses_are_relative_and_encoded(page: str, video: str, url: str) -> None:
    assert video_url(Path(page), Path(video)) == url
    assert video_url(Path("/x") / page, Path("/x") / video) == url


def test_times_are_shown_as_players_do() -> None:
    assert [clock(time) for time in (0.0, 59.994, 59.996, 3600.0, 36061.5)] == [
        "0:00.00",
        "0:59.99",
        "1:00.00",
        "1:00:00.00",
        "10:01:01.50",
    ]
    assert clock(-0.001) == "0:00.00"


def test_the_same_detections_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_video_page(tmp_path / "new" / name, tmp_path / "v.mp4", DURATION_SEC, ROWS, TRUTH)
    first, second = (tmp_path / "new" / name for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"a.html", "b.html"}
    assert "<title>v.mp4</title>" in first.read_text()


@pytest.mark.parametrize(
    ("duration_sec", "rows", "truth", "message"),
    [
        (0.0, ROWS, TRUTH, "the duration is 0 s; give the duration of the video"),
        (math.nan, ROWS, TRUTH, "the duration is nan s"),
        (1.0, [ROWS[0], ROWS[0]._replace(score=math.inf)], TRUTH, "prediction 1: a number is not finite"),
        (1.0, [ROWS[0]._replace(end_sec=1.0)], TRUTH, "prediction 0: .* the segment ends before its start"),
        (1.0, ROWS, [Instance("wave", 2.0, math.nan)], "annotated action 0: a number is not finite"),
    ],
)
def test_unusable_numbers_are_not_written(
    tmp_path: Path, duration_sec: float, rows: list[DetectionRow], truth: list[Instance], message: str
) -> None:
    with pytest.raises(PredictionError, match=rf"v\.html: not written: {message}"):
        write_video_page(tmp_path / "v.html", tmp_path / "v.mp4", duration_sec, rows, truth)
    assert list(tmp_path.iterdir()) == []


# ---- in a browser ----


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video with a page beside it."""
    folder = tmp_path_factory.mktemp("pages")
    write_video(folder / "a video #1.mp4", VideoSpec(num_frames=100))
    write_video_page(folder / "v.html", folder / "a video #1.mp4", DURATION_SEC, ROWS, TRUTH)
    return folder


@pytest.fixture
def seen(browser: Browser, folder: Path) -> Iterator[Visit]:
    """The page, its video ready; what a test does must cause no complaint and no further request."""
    with visit(browser, folder / "v.html") as found:
        wait_until(found.page, "document.getElementById('video').readyState >= 2")
        yield found
        assert found.complaints == []
        assert {*found.requests} == {(folder / name).as_uri() for name in ("v.html", "a video #1.mp4")}


def time_of(page: Page) -> float:
    return float(page.evaluate("document.getElementById('video').currentTime"))


def wait_for_seek(page: Page) -> float:
    """Wait until the player is at the place that was asked for, and has its picture."""
    wait_until(page, "(v => !v.seeking && v.readyState >= 2)(document.getElementById('video'))")
    return time_of(page)


def labels(page: Page) -> list[str]:
    """The segments that are visible."""
    found = page.locator(".segment:visible").evaluate_all("all => all.map(one => one.ariaLabel)")
    return sorted(str(label) for label in found)


def cursor_share(page: Page) -> float:
    """Where the cursor stands between the two ends of the time axis."""
    return float(
        page.evaluate(
            """() => {
              const axis = document.querySelector('.axis').getBoundingClientRect();
              const cursor = document.querySelector('.cursor').getBoundingClientRect();
              return (cursor.left + cursor.width / 2 - axis.left) / axis.width;
            }"""
        )
    )


def test_a_segment_leads_to_its_start(seen: Visit) -> None:
    page = seen.page
    page.evaluate("video.addEventListener('seeked', () => { window.arrived = video.currentTime; })")
    page.get_by_role("button", name="wave, score 0.500").click()
    wait_until(page, "window.arrived !== undefined")
    assert page.evaluate("window.arrived") == time_of(page) == 3.0
    assert cursor_share(page) == pytest.approx(0.3, abs=0.01)
    assert page.locator("#now").text_content() == "0:03.00: wave"
    page.get_by_role("button", name="nod, score 0.0625").click()
    assert wait_for_seek(page) == pytest.approx(4 / 3, abs=1e-5)
    assert page.locator("#now").inner_text() == "0:01.33: nod"
    page.get_by_role("row", name="nod 0.250").get_by_role("button").click()
    assert wait_for_seek(page) == 6.0


def test_the_axis_leads_anywhere(seen: Visit) -> None:
    page = seen.page
    axis = page.get_by_role("slider", name="Time")
    box = axis.bounding_box()
    assert box is not None
    axis.click(position={"x": box["width"] * 0.75, "y": 5})
    assert wait_for_seek(page) == pytest.approx(7.5, abs=0.03)
    assert axis.get_attribute("aria-valuetext") == "0:07.50"
    assert cursor_share(page) == pytest.approx(0.75, abs=0.01)
    page.keyboard.press("Home")
    assert wait_for_seek(page) == 0.0
    page.keyboard.press("End")
    assert wait_for_seek(page) == 10.0


def test_what_a_segment_is(seen: Visit) -> None:
    page = seen.page
    tip = page.get_by_role("tooltip")
    assert not tip.is_visible()
    page.get_by_role("button", name="nod, score 0.250").hover()
    assert tip.inner_text() == "nod\nscore 0.250, 0:06.00 to 0:09.00 (0:03.00)"
    page.get_by_role("button", name="jump, ground truth").focus()
    assert tip.inner_text() == "jump\nground truth, 0:07.00 to 0:08.00 (0:01.00)"


def test_the_smallest_score_hides_segments_and_rows_of_the_table(seen: Visit) -> None:
    page = seen.page
    slider = page.get_by_role("slider", name="Minimum score")
    assert len(labels(page)) == 6
    slider.fill("0.3")
    assert [label.split(",")[1] for label in labels(page)] == [
        " ground truth",
        " ground truth",
        " score 0.500",
        " score 0.875",
    ]
    assert page.locator("#shown").inner_text() == "2 of 4 detections shown"
    assert page.locator("#detections-table tbody tr:visible").count() == 2
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) > 0.3
    assert time_of(page) == 0.0
    slider.fill("0.875")
    assert len(labels(page)) == 3


def test_categories_can_be_chosen(seen: Visit) -> None:
    page = seen.page
    page.get_by_role("checkbox", name="nod").uncheck()
    assert not [label for label in labels(page) if label.startswith("nod")]
    assert page.locator("#detections-table tbody tr:visible").count() == 2
    page.get_by_label("Categories", exact=True).fill("JU")
    assert [label.split(",")[0] for label in labels(page)] == ["jump"]
    page.get_by_role("button", name="none").click()
    assert labels(page) == []
    page.get_by_label("Categories", exact=True).fill("")
    assert {label.split(",")[0] for label in labels(page)} == {"wave"}
    page.get_by_role("button", name="all").click()
    assert len(labels(page)) == 6


def test_keys(seen: Visit) -> None:
    page = seen.page
    page.keyboard.press("ArrowRight")
    assert wait_for_seek(page) == 1.0
    page.keyboard.press("Shift+ArrowRight")
    assert wait_for_seek(page) == 6.0
    page.keyboard.press("ArrowLeft")
    assert wait_for_seek(page) == 5.0
    visited = []
    for key in "nnNpp":
        page.keyboard.press(key)
        visited.append(wait_for_seek(page))
    assert visited == [6.0, 7.0, 7.0, 6.0, 3.0]
    focused = "document.activeElement.ariaLabel"
    assert str(page.evaluate(focused)).startswith("wave, score 0.500")
    page.keyboard.press("ArrowDown")
    assert str(page.evaluate(focused)).startswith("nod")
    page.keyboard.press("ArrowUp")
    assert str(page.evaluate(focused)).startswith("wave")
    page.keyboard.press("Enter")
    start = wait_for_seek(page)
    assert start in {2.0, 2.25, 3.0}
    page.locator("#search").focus()
    page.keyboard.type("n p")
    assert time_of(page) == start


def test_space_plays_and_pauses_wherever_it_is_pressed(seen: Visit) -> None:
    page = seen.page
    is_paused = "document.getElementById('video').paused"
    for place in ("video", ".axis", ".segment >> nth=0"):
        page.locator(place).focus()
        page.keyboard.press("Space")
        wait_until(page, f"!{is_paused} && document.getElementById('video').currentTime > 0.05")
        page.keyboard.press("Space")
        assert page.evaluate(is_paused) is True
    page.locator("video").focus()
    before = time_of(page)
    page.keyboard.press("ArrowRight")
    assert wait_for_seek(page) == pytest.approx(before + 1)


def test_the_tab_key_finds_everything_and_segments_once(seen: Visit) -> None:
    page = seen.page
    stops = []
    for _ in range(40):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("(e => e.id || e.className || e.type || e.tagName)(document.activeElement)"))
    assert stops.index("threshold") < stops.index("search") < stops.index("axis") < stops.index("checkbox")
    assert sum("segment" in str(stop) for stop in stops) <= 2  # once around


def test_tables_are_sorted_by_their_headings(seen: Visit) -> None:
    page = seen.page
    heading = page.locator("#detections-table").get_by_role("button", name="start")
    column = page.locator("#detections-table tbody td:nth-of-type(2)")
    heading.click()
    assert column.all_inner_texts() == ["0:01.33", "0:02.00", "0:03.00", "0:06.00"]
    heading.click()
    assert column.all_inner_texts() == ["0:06.00", "0:03.00", "0:02.00", "0:01.33"]
    page.locator("#detections-table").get_by_role("button", name="score").click()
    assert column.all_inner_texts() == ["0:02.00", "0:03.00", "0:06.00", "0:01.33"]


def test_overlapping_segments_of_a_category_do_not_hide_one_another(seen: Visit) -> None:
    boxes = [
        seen.page.get_by_role("button", name=f"wave, {name}").bounding_box() for name in ("score 0.875", "score 0.5")
    ]
    boxes.append(seen.page.get_by_role("button", name="wave, ground truth").bounding_box())
    first, second, truth = (box for box in boxes if box is not None)
    assert truth["y"] + truth["height"] <= first["y"]
    assert first["y"] + first["height"] <= second["y"]
    assert second["x"] - first["x"] == pytest.approx(first["width"] / 2, abs=1)


def test_names_do_nothing_in_a_browser(browser: Browser, folder: Path) -> None:
    rows = [row._replace(label=EVIL if row.label == "nod" else row.label) for row in ROWS]
    path = folder / "evil.html"
    write_video_page(path, folder / "<img src=x onerror=alert(1)>.mp4", DURATION_SEC, rows, TRUTH)
    with visit(browser, path) as seen:
        page = seen.page
        page.locator("#problem").wait_for()
        assert (
            page.locator("#problem")
            .inner_text()
            .startswith("This browser cannot play <img src=x onerror=alert(1)>.mp4: ")
        )
        page.locator(".segment >> nth=0").hover()
        assert page.locator("img, iframe, object").count() == 0
        assert page.locator("script").count() == 2
        assert page.title() == "<img src=x onerror=alert(1)>.mp4"
        assert page.locator(".name span:first-of-type").all_inner_texts().count(EVIL.replace("\u2028", "\ufffd")) == 1
        page.keyboard.press("n")
        assert time_of(page) == pytest.approx(4 / 3)  # the timeline serves without its video
        assert all("ERR_FILE_NOT_FOUND" in complaint for complaint in seen.complaints)


@pytest.mark.parametrize(("width", "is_dark"), [(400, False), (1200, True)])
def test_a_thousand_detections_in_every_window(browser: Browser, folder: Path, width: int, is_dark: bool) -> None:
    rows = [
        DetectionRow(f"category {number % 200}", 1 / (number + 1), number % 97 / 10, number % 97 / 10 + 0.3)
        for number in range(1000)
    ]
    rows += [DetectionRow("crowd", 1e-5, 1.0, 2.0)] * 8
    write_video_page(folder / "many.html", folder / "a video #1.mp4", DURATION_SEC, rows)
    with visit(browser, folder / "many.html", width=width, is_dark=is_dark) as seen:
        page = seen.page
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator(".segment").count() == 1008
        assert page.locator("#shown").inner_text() == "10 of 1,008 detections shown"  # a tenth of the best, or more
        page.get_by_role("slider", name="Minimum score").fill("0")
        assert page.locator("#shown").inner_text() == "1,008 of 1,008 detections shown"
        tops = page.locator(".segment[aria-label^=crowd]").evaluate_all("all => all.map(one => one.style.top)")
        assert len({*tops}) == 6  # however many overlap, a row stays low
        took_ms = page.evaluate(
            """() => {
              const slider = document.getElementById('threshold'), start = performance.now();
              slider.value = 0.01;
              slider.dispatchEvent(new Event('input'));
              document.body.getBoundingClientRect();
              return performance.now() - start;
            }"""
        )
        assert took_ms < 2000  # 0.1 s on an idle core
        assert len(labels(page)) == 100
        page.keyboard.press("n")
        assert page.locator(".segment:focus").count() == 1
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(20, 23, 27)" if is_dark else "rgb(255, 255, 255)")
        assert seen.complaints == []


def test_paper_has_the_timeline_and_the_table_alone(seen: Visit) -> None:
    page = seen.page
    page.emulate_media(media="print")
    assert page.locator("#timeline").is_visible()
    assert page.locator("#detections-table").is_visible()
    assert not page.locator("#video").is_visible()
    assert not page.locator("#controls").is_visible()
