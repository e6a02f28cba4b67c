from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.examination import examine_video
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image
from tests.helpers.videos import (
    REAL_VIDEOS,
    VideoSpec,
    needs_real_videos,
    read_number,
    write_corrupt,
    write_truncated,
    write_video,
)


class RecordingReader(PyAVReader):
    """Remembers which numbers it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        for image in super().iter_frames(path, times_sec):
            self.seen.append(read_number(image))
            yield image


def test_decoding_meets_every_frame_of_constant_rate_once(tmp_path: Path) -> None:
    reader = RecordingReader()
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=40, fps=30))
    assert examine_video(reader, path).frame_count == 40
    assert reader.seen == []
    assert examine_video(reader, path, decodes=True).frame_count == 40
    assert reader.seen == list(range(40))


def test_decoding_meets_every_frame_of_varying_rate(tmp_path: Path) -> None:
    reader = RecordingReader()
    times_sec = [0.0, 0.1, 0.2, 0.9, 1.0, 2.5, 2.6, 2.7, 2.8, 4.0]
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=10, times_sec=times_sec))
    examine_video(reader, path, decodes=True)
    assert sorted(set(reader.seen)) == list(range(10))


def test_damage_within_the_pictures_is_found_by_decoding(tmp_path: Path) -> None:
    corrupt = write_corrupt(tmp_path / "corrupt.mp4")
    assert examine_video(AutoReader(), corrupt).frame_count == 200
    with pytest.raises(VideoError, match=r"corrupt\.mp4: is damaged"):
        examine_video(AutoReader(), corrupt, decodes=True)
    with pytest.raises(VideoError, match=r"cut\.mp4: is truncated"):
        examine_video(AutoReader(), write_truncated(tmp_path / "cut.mp4"))


@needs_real_videos
@pytest.mark.real_data
def test_real_videos_that_fail_on_purpose_are_found() -> None:
    odd = REAL_VIDEOS / "odd"
    with pytest.raises(VideoError, match=r"derived_truncated\.mp4: is truncated, it holds 26 of 355 frames"):
        examine_video(AutoReader(), odd / "derived_truncated.mp4")
    with pytest.raises(VideoError, match=r"decord_corrupted\.mp4: is damaged"):
        examine_video(AutoReader(), odd / "decord_corrupted.mp4", decodes=True)
    assert examine_video(AutoReader(), odd / "derived_vfr.mp4", decodes=True).duration_sec > 0
