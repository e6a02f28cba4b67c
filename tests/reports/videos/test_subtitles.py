from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from aher_lightning.errors import PredictionError
from aher_lightning.reports.videos.detection_rows import DetectionRow
from aher_lightning.reports.videos.subtitles import read_srt, read_vtt, write_srt, write_vtt
from tests.helpers.detection_cases import LOST_LABELS, hard_rows

Write = Callable[[Path, list[DetectionRow]], None]
Read = Callable[[Path], list[DetectionRow]]

ROW = DetectionRow("wave", 0.5, 1.0, 2.0)
FORMATS = pytest.mark.parametrize(("write", "read"), [(write_srt, read_srt), (write_vtt, read_vtt)])


@FORMATS
def test_what_is_read_is_what_was_written(tmp_path: Path, write: Write, read: Read) -> None:
    rows = hard_rows()
    write(tmp_path / "new" / "v", rows)
    found = read(tmp_path / "new" / "v")
    assert [row.label for row in found] == [row.label for row in rows]
    for one, other in zip(found, rows, strict=True):
        assert one.score == round(other.score, 4)
        assert one.start_sec == round(other.start_sec, 3)
        assert one.end_sec == round(other.end_sec, 3)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["v"]
    write(tmp_path / "again", found)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "new" / "v").read_bytes()


@FORMATS
def test_no_detections_and_extremes(tmp_path: Path, write: Write, read: Read) -> None:
    write(tmp_path / "v", [])
    assert read(tmp_path / "v") == []
    rows = [DetectionRow("late", 12.0, 400_000.0, 400_000.0001), DetectionRow("early", -0.25, -0.0004, 3.0)]
    write(tmp_path / "v", rows)
    assert read(tmp_path / "v") == [
        DetectionRow("late", 12.0, 400_000.0, 400_000.001),
        DetectionRow("early", -0.25, 0.0, 3.0),
    ]


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
    write_vtt(tmp_path / "v.vtt", hard_rows())
    text = (tmp_path / "v.vtt").read_text(encoding="utf-8")
    assert "<" not in text
    assert text.count("-->") == len(hard_rows())


@FORMATS
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW._replace(start_sec=-0.1), "prediction 1: starts before the video does"),
        (ROW._replace(score=float("nan")), "prediction 1: segment or score is not finite"),
        (ROW._replace(start_sec=2.0), "prediction 1: segment does not end after its start"),
        *[(ROW._replace(label=label), "prediction 1: label .* rename the category") for label in LOST_LABELS],
    ],
)
def test_what_cannot_be_said_is_not_written(
    tmp_path: Path, write: Write, read: Read, row: DetectionRow, message: str
) -> None:
    with pytest.raises(PredictionError, match=f"v: not written: {message}"):
        write(tmp_path / "v", [ROW, row])
    with pytest.raises(PredictionError, match="v: cannot be read"):
        read(tmp_path / "v")
    assert list(tmp_path.iterdir()) == []


CUE = "1\n00:00:01,000 --> 00:00:02,000\nwave (0.5000)\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "cue 1 is no detection"),
        (CUE.replace("wave (0.5000)", "Hello there!"), "cue 1 is no detection"),
        (CUE.replace("(0.5000)", "(0.5)"), "cue 1 is no detection"),
        (CUE.replace("wave", "wave (0.1000)\nnod"), "cue 1 is no detection"),
        (CUE.replace("1\n", "one\n", 1), "cue 1 is no detection"),
        (CUE + "\n" + CUE, "the numbers of its cues are not 1 to their count"),
        (CUE.replace("02,000", "61,000"), "cue 1 has the time '00:00:61,000'"),
        (CUE.replace("02,000", "01,000"), "segment does not end after its start"),
        (CUE.replace("wave", " "), "label ' ' is empty"),
    ],
)
def test_other_subtitles_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "v.srt").write_text(text, encoding="utf-8")
    with pytest.raises(PredictionError, match=f"{message}.*; expected SRT subtitles as written here"):
        read_srt(tmp_path / "v.srt")
    (tmp_path / "v.srt").write_bytes(b"\xff")
    with pytest.raises(PredictionError, match=r"v\.srt: is not UTF-8 text"):
        read_srt(tmp_path / "v.srt")


def test_each_format_refuses_the_other(tmp_path: Path) -> None:
    write_srt(tmp_path / "v.srt", [ROW])
    write_vtt(tmp_path / "v.vtt", [ROW])
    with pytest.raises(PredictionError, match="does not begin with WEBVTT"):
        read_vtt(tmp_path / "v.srt")
    with pytest.raises(PredictionError, match="cue 1 is no detection"):
        read_srt(tmp_path / "v.vtt")
