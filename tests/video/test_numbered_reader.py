from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video import numbered_reader
from aher_lightning.video.numbered_reader import Library, NumberedReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import VideoInfo
from tests.helpers.videos import read_frames, read_numbers, write_video

MIDDLES = [(position + 0.5) / 10 for position in range(40)]


class ListReader(NumberedReader):
    """Returns pictures from a list, and counts how often it is asked."""

    name = "lists"

    def __init__(self, pictures: list[Any], objection: str = "") -> None:
        self.pictures = pictures
        self.reason = objection
        self.conversions = 0

    def objection(self, info: VideoInfo) -> str:
        return f"{self.reason} {info.codec}" if self.reason else ""

    def load(self) -> Library:
        return Library(open=lambda _: self.pictures, to_array=self.convert, failures=(RuntimeError,))

    def convert(self, picture: Any) -> Any:
        self.conversions += 1
        if isinstance(picture, Exception):
            raise picture
        return picture


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "plain.mp4")


@pytest.fixture
def pictures(video: Path) -> list[Any]:
    return list(read_frames(PyAVReader(), video, MIDDLES))


def test_each_frame_is_decoded_once(video: Path, pictures: list[Any]) -> None:
    reader = ListReader(pictures)
    images = list(reader.iter_frames(video, [-1.0, 0.05, 0.06, 2.0, 99.0]))
    assert read_numbers(images) == [0, 0, 0, 20, 39]
    assert images[0] is images[2]
    assert reader.conversions == 3
    assert list(reader.iter_frames(video, [])) == []
    assert reader.probe(video) == PyAVReader().probe(video)


def test_a_file_with_an_objection_is_refused_at_the_call(video: Path, pictures: list[Any]) -> None:
    with pytest.raises(VideoError, match=r"plain\.mp4: dislikes h264; choose the AutoReader, which reads it with PyAV"):
        ListReader(pictures, "dislikes").iter_frames(video, [0.0])


def test_another_count_of_frames_is_refused(video: Path, pictures: list[Any]) -> None:
    with pytest.raises(VideoError, match=r"plain\.mp4: lists sees 39 frames of 40; choose the AutoReader"):
        next(ListReader(pictures[1:]).iter_frames(video, [0.0]))


def test_pictures_of_another_shape_are_refused(video: Path, pictures: list[Any]) -> None:
    pictures[3] = np.zeros((48, 64, 4), dtype=np.uint8)
    with pytest.raises(VideoError, match=r"lists returns pictures of shape \(48, 64, 4\); choose the AutoReader"):
        list(ListReader(pictures).iter_frames(video, MIDDLES))


@pytest.mark.parametrize(
    ("failure", "reason"), [(RuntimeError("no luck\nsomewhere"), "no luck"), (RuntimeError(), "RuntimeError")]
)
def test_a_failure_on_the_way_is_one_line(video: Path, pictures: list[Any], failure: Exception, reason: str) -> None:
    pictures[2] = failure
    frames = ListReader(pictures).iter_frames(video, MIDDLES)
    assert read_numbers([next(frames), next(frames)]) == [0, 1]
    with pytest.raises(VideoError, match=rf"plain\.mp4: lists cannot decode it \({reason}\); choose") as caught:
        next(frames)
    assert "\n" not in str(caught.value)


def test_the_version_is_empty_where_the_library_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(numbered_reader, "version", absent)
    assert ListReader([]).version == ""
    monkeypatch.setattr(numbered_reader, "version", lambda name: f"{name} 9.9")
    assert ListReader([]).version == "lists 9.9"
