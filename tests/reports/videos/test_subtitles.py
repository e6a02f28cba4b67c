from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.subtitles import write_srt, write_vtt
from tests.helpers.detection_cases import LOST_LABELS, hard_rows

Write = Callable[[Path, list[DetectionRow]], None]

ROW = DetectionRow("wave", 0.5, 1.0, 2.0)
FORMATS = pytest.mark.parametrize("write", [write_srt, write_vtt])


@FORMATS
def test_files_appear_whole_and_in_new_folders(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "new" / "v", hard_rows())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v"]


def test_no_detections_and_extremes(tmp_path: Path) -> None:
    write_srt(tmp_path / "v.srt", [])
    write_vtt(tmp_path / "v.vtt", [])
    assert (tmp_path / "v.srt").read_text() == ""
    assert (tmp_path / "v.vtt").read_text() == "WEBVTT\n"
    rows = [DetectionRow("late", 12.0, 400_000.0, 400_000.0001), DetectionRow("early", -0.25, -0.0004, 3.0)]
    write_srt(tmp_path / "v.srt", rows)
    assert (tmp_path / "v.srt").read_text() == (
        "2\n00:00:00,000 --> 00:00:03,000\nearly (-0.2500)\n\n1\n111:06:40,000 --> 111:06:40,001\nlate (12.0000)\n"
    )


def test_cues_stand_in_order_of_time_and_keep_the_place_of_their_row(tmp_path: Path) -> None:
    rows = [DetectionRow("b", 0.9, 3661.5, 3662.0), DetectionRow("<a>", 0.5, 0.25, 4000.0)]
    write_vtt(tmp_path / "v.vtt", rows)
    assert (tmp_path / "v.vtt").read_text(encoding="utf-8") == (
        "WEBVTT\n\n2\n00:00:00.250 --> 01:06:40.000\n&lt;a&gt; (0.5000)\n\n"
        "1\n01:01:01.500 --> 01:01:02.000\nb (0.9000)\n"
    )


@pytest.mark.parametrize(("write", "name"), [(write_srt, "v.srt"), (write_vtt, "v.vtt")])
def test_another_reader_of_subtitles_finds_the_same(tmp_path: Path, write: Write, name: str) -> None:
    rows = hard_rows()
    write(tmp_path / name, rows)
    with av.open(str(tmp_path / name)) as container:
        packets = [packet for packet in container.demux() if packet.size]
    in_time = sorted(rows, key=lambda row: row.start_sec)
    assert [packet.pts for packet in packets] == [round(1000 * row.start_sec) for row in in_time]
    spans = [round(1000 * row.end_sec) - round(1000 * row.start_sec) for row in in_time]
    assert [packet.duration for packet in packets] == spans
    texts = [bytes(packet).decode() for packet in packets]
    assert [text.endswith(f"({row.score:.4f})") for text, row in zip(texts, in_time, strict=True)] == [True] * len(rows)


def test_players_find_no_tags_in_names(tmp_path: Path) -> None:
    write_srt(tmp_path / "v.srt", hard_rows())
    text = (tmp_path / "v.srt").read_text(encoding="utf-8")
    assert "<b" not in text
    assert "{\\" not in text
    assert text.count("-->") == len(hard_rows())
    for row in hard_rows():
        marked = row.label.replace("<", "<\u200b").replace("{", "{\u200b").replace(">", "\u200b>")
        assert f"\n{marked} (" in text
    write_vtt(tmp_path / "v.vtt", hard_rows())
    text = (tmp_path / "v.vtt").read_text(encoding="utf-8")
    assert "<" not in text
    assert all(f"\n{row.label} (" in html.unescape(text) for row in hard_rows() if "&" not in row.label)
    assert text.count("-->") == len(hard_rows())


@FORMATS
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW._replace(start_sec=-0.1), "prediction 1: starts before the video"),
        (ROW._replace(score=float("nan")), "prediction 1: segment or score is not finite"),
        (ROW._replace(start_sec=2.0), "prediction 1: segment does not end after its start"),
        *[(ROW._replace(label=label), "prediction 1: label .* rename the category") for label in LOST_LABELS],
    ],
)
def test_what_cannot_be_said_is_not_written(tmp_path: Path, write: Write, row: DetectionRow, message: str) -> None:
    with pytest.raises(PredictionError, match=f"v: not written: {message}"):
        write(tmp_path / "v", [ROW, row])
    assert list(tmp_path.iterdir()) == []
