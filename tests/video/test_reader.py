from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video.reader import Image, VideoInfo, VideoReader, ascending_times


class ListReader(VideoReader):
    """Shows given pictures, one per second."""

    def __init__(self, pictures: list[Image]) -> None:
        self.pictures = pictures

    @property
    def version(self) -> str:
        return "1"

    def probe(self, path: Path) -> VideoInfo:
        height, width = self.pictures[0].shape[:2]
        count = len(self.pictures)
        return VideoInfo(path, float(count), width, height, 1.0, count, "list", 0, "list", "rgb24", True, 0)

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        del path
        return (self.pictures[int(time)] for time in times_sec)


def pictures(*sizes: tuple[int, int]) -> list[Image]:
    return [np.full((*size, 3), number, dtype=np.uint8) for number, size in enumerate(sizes)]


def test_read_frames_stacks_what_a_reader_yields() -> None:
    reader = ListReader(pictures((4, 6), (4, 6), (4, 6)))
    frames = reader.read_frames(Path("toy"), [0.5, 0.6, 2.0])
    assert frames.shape == (3, 4, 6, 3)
    assert frames.dtype == np.uint8
    assert frames[:, 0, 0, 0].tolist() == [0, 0, 2]


def test_no_times_give_no_frames() -> None:
    assert ListReader(pictures((4, 6))).read_frames(Path("toy"), []).shape == (0, 4, 6, 3)


def test_a_change_of_picture_size_is_refused() -> None:
    reader = ListReader(pictures((4, 6), (6, 4)))
    with pytest.raises(VideoError, match="toy: the picture size changes within the video; convert"):
        reader.read_frames(Path("toy"), [0.0, 1.0])


@pytest.mark.parametrize("times", [[1.0, 0.5], [0.0, float("nan")], [float("inf")]])
def test_times_must_ascend_and_be_finite(times: list[float]) -> None:
    with pytest.raises(ValueError, match="times must be finite and ascending"):
        ascending_times(times)


def test_equal_times_are_fine() -> None:
    assert ascending_times([0, 0, 1]).tolist() == [0.0, 0.0, 1.0]
    assert ascending_times([]).shape == (0,)
