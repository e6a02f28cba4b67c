import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.probing import index_frames
from tests.helpers.videos import (
    REAL_VIDEOS,
    VideoSpec,
    copy_shifted,
    needs_real_videos,
    write_sound,
    write_truncated,
    write_video,
)


def test_facts_are_counted(tmp_path: Path) -> None:
    index = index_frames(write_video(tmp_path / "plain.mp4"))
    info = index.info
    assert (info.width, info.height, info.frame_count, info.codec) == (64, 48, 40, "h264")
    assert info.duration_sec == pytest.approx(4.0)
    assert info.average_fps == pytest.approx(10.0)
    assert info.has_constant_rate
    assert info.rotation == 0
    assert index.times_sec == pytest.approx(np.arange(40) / 10)
    assert index.key_times_sec == pytest.approx([0.0, 1.2, 2.4, 3.6])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_times_are_relative_to_the_first_frame(tmp_path: Path, suffix: str) -> None:
    index = index_frames(write_video(tmp_path / f"late{suffix}", VideoSpec(start_sec=1.5)))
    assert index.times_sec[:3] == pytest.approx([0.0, 0.1, 0.2])
    assert index.info.duration_sec == pytest.approx(4.0)


def test_a_variable_rate_is_seen(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.5, 0.6, 1.5, 1.6]
    index = index_frames(write_video(tmp_path / "vfr.mp4", VideoSpec(num_frames=6, times_sec=times)))
    assert index.times_sec == pytest.approx(times)
    assert not index.info.has_constant_rate
    assert index.frames_at(np.array([-1.0, 0.0, 0.49, 0.5, 1.49, 9.0])).tolist() == [0, 0, 1, 2, 3, 5]


def test_a_frame_counts_as_shown_in_spite_of_rounding(tmp_path: Path) -> None:
    index = index_frames(write_video(tmp_path / "plain.mp4"))
    assert index.frames_at(index.times_sec - 1e-9).tolist() == list(range(40))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_width_and_height_are_those_of_the_upright_picture(tmp_path: Path, rotation: int) -> None:
    info = index_frames(write_video(tmp_path / "turned.mp4", VideoSpec(rotation=rotation))).info
    assert (info.width, info.height, info.rotation) == (64, 48, rotation)


def test_the_stream_with_most_pixels_is_best(tmp_path: Path) -> None:
    large = VideoSpec(width=96, height=64)
    info = index_frames(write_video(tmp_path / "two.mp4", VideoSpec(), large)).info
    assert (info.width, info.height, info.further_streams) == (96, 64, 1)


def test_avi_has_no_times_but_an_order(tmp_path: Path) -> None:
    index = index_frames(write_video(tmp_path / "old.avi", VideoSpec(codec="mpeg4", options={"bf": "2"})))
    assert index.times_sec == pytest.approx(np.arange(40) / 10)
    assert index.info.has_constant_rate


def test_the_index_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    first = index_frames(path)
    assert index_frames(path) is first
    write_video(path, VideoSpec(num_frames=10))
    os.utime(path, ns=(0, 0))
    assert index_frames(path).info.frame_count == 10


def write_text(path: Path) -> Path:
    path.write_text("not a video\n" * 100)
    return path


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def write_nothing(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def write_noise(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(0).integers(0, 256, 50_000, dtype=np.uint8).tobytes())
    return path


def write_headless(path: Path) -> Path:
    """A video as it is after a crashed recording: the index at the end is missing."""
    write_video(path, VideoSpec(num_frames=200))
    path.write_bytes(path.read_bytes()[:-4000])
    return path


def write_half(path: Path) -> Path:
    whole = write_video(path.with_name("whole.mkv"), VideoSpec(num_frames=200)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.parametrize(
    ("name", "write", "match"),
    [
        ("missing.mp4", lambda path: path, "no such file; check the path"),
        ("folder.mp4", make_folder, "is not a file; give the path of a video"),
        ("empty.mp4", write_nothing, "is empty; copy or download it again"),
        ("text.mp4", write_text, "is damaged or no video .*; replace the file"),
        ("noise.mp4", write_noise, "is damaged or no video .*; replace the file"),
        ("headless.mp4", write_headless, "is damaged or no video .*; replace the file"),
        ("sound.mp4", write_sound, "has no video stream .*; give a video file"),
        ("cut.mp4", write_truncated, r"is truncated, it holds \d+ of 200 frames; copy or download it again"),
        ("cut.mkv", write_half, r"is truncated, it holds \d+\.\d+ of 20\.00 s; copy or download it again"),
    ],
)
def test_bad_files_get_one_line_with_path_reason_and_remedy(
    tmp_path: Path, name: str, write: Callable[[Path], Path], match: str
) -> None:
    path = write(tmp_path / name)
    with pytest.raises(VideoError, match=match) as caught:
        index_frames(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0.99, 0.9, 0.1])
def test_truncation_is_seen_wherever_it_is(tmp_path: Path, keep: float) -> None:
    with pytest.raises(VideoError, match="is truncated"):
        index_frames(write_truncated(tmp_path / "cut.mp4", keep=keep))


@pytest.mark.real_data
@needs_real_videos
@pytest.mark.parametrize(
    ("name", "frames", "size", "duration_sec"),
    [
        ("derived_vfr.mp4", 92, (240, 180), 8.104),
        ("derived_rotate90.mp4", 79, (240, 180), 4.027),
        ("decord_video_270.mov", 3, (320, 568), 0.1),
        ("torchcodec_nasa_13013.mp4", 390, (480, 270), 13.013),
        ("PS7A2P2T1.avi", 61, (640, 480), 2.035),
        ("asl_milk.mkv", 51, (640, 480), 1.7),
        ("derived_vp9.webm", 118, (240, 180), 6.013),
        ("torchcodec_h264_10bits.mp4", 30, (200, 200), 1.0),
    ],
)
def test_facts_about_odd_files(name: str, frames: int, size: tuple[int, int], duration_sec: float) -> None:
    info = index_frames(REAL_VIDEOS / "odd" / name).info
    assert info.frame_count == frames
    assert (info.width, info.height) == size
    # PyAV versions differ in how long they take the last frame of a variable rate to last.
    assert info.duration_sec == pytest.approx(duration_sec, abs=2e-3 if info.has_constant_rate else 0.11)


@pytest.mark.real_data
@needs_real_videos
def test_the_real_truncated_file_is_refused() -> None:
    with pytest.raises(VideoError, match="is truncated, it holds 26 of 355 frames"):
        index_frames(REAL_VIDEOS / "odd" / "derived_truncated.mp4")


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_title_in_another_encoding_is_no_error(tmp_path: Path, suffix: str) -> None:
    path = copy_shifted(write_video(tmp_path / "plain.mp4"), tmp_path / f"a.{suffix}", title="Cafe")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Cafe", b"Caf\xe9"))  # Latin-1
    assert content.count(b"Cafe") == 1
    assert index_frames(path).info.frame_count in {38, 40}  # Matroska keeps no packet before its start


@pytest.mark.parametrize("name", ["talk:1.mp4", "http:/127.0.0.1:9/a.mp4", "concat:a.mp4", "data:a,b.mp4"])
def test_a_file_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    write_video(tmp_path / "plain.mp4").rename(name)
    info = index_frames(Path(name)).info
    assert (info.path, info.frame_count) == (Path(name), 40)
    assert len(list(AutoReader().iter_frames(Path(name), [0.0, 1.0]))) == 2


def test_times_before_zero_are_times(tmp_path: Path) -> None:
    path = copy_shifted(write_video(tmp_path / "plain.ts"), tmp_path / "early.ts", by_sec=-10.0)
    index = index_frames(path)
    assert index.start_sec < -5
    assert index.info.duration_sec == pytest.approx(4.0)
    assert index.info.average_fps == pytest.approx(10.0)
