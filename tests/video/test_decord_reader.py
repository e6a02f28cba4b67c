import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.videos import VideoSpec, read_frames, read_numbers, write_resized, write_video

MIDDLES = [(position + 0.5) / 10 for position in range(40)]

needs_decord = pytest.mark.skipif(not DecordReader().version, reason="decord has no wheel for this machine")


@needs_decord
@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("plain.mp4", VideoSpec()),
        ("plain.mkv", VideoSpec()),
        ("late.mkv", VideoSpec(start_sec=1.5)),
        ("vp9.webm", VideoSpec(codec="libvpx-vp9")),
        ("vfr.mp4", VideoSpec(num_frames=6, times_sec=[0.0, 0.1, 0.5, 0.6, 1.5, 1.6])),
        ("single.mp4", VideoSpec(num_frames=1)),
    ],
)
def test_same_pixels_as_pyav(tmp_path: Path, name: str, spec: VideoSpec) -> None:
    path = write_video(tmp_path / name, spec)
    images = read_frames(DecordReader(), path, MIDDLES)
    assert np.array_equal(images, read_frames(PyAVReader(), path, MIDDLES))
    assert read_numbers(images)[0] == 0
    assert DecordReader().probe(path) == PyAVReader().probe(path)


@needs_decord
def test_sparse_and_repeated_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=250))
    assert read_numbers(read_frames(DecordReader(), path, [-1.0, 0.05, 0.06, 20.0, 99.0])) == [0, 0, 0, 200, 249]
    assert list(DecordReader().iter_frames(path, [])) == []


@needs_decord
@pytest.mark.parametrize(
    ("name", "specs", "match"),
    [
        ("old.avi", [VideoSpec(codec="mpeg4")], r"wrong on some files in this format \(avi\)"),
        ("plain.ts", [VideoSpec()], r"wrong on some files in this format \(mpegts\)"),
        ("deep.mp4", [VideoSpec(pixel_format="yuv420p10le")], r"not exact for this codec \(h264, yuv420p10le\)"),
        ("vp8.webm", [VideoSpec(codec="libvpx")], "not exact for this codec"),
        ("turned.mp4", [VideoSpec(rotation=90)], "turns rotated pictures itself"),
        ("upside_down.mov", [VideoSpec(rotation=180)], "turns rotated pictures itself"),
        ("two.mp4", [VideoSpec(), VideoSpec(width=96, height=64)], "several video streams"),
        ("twins.mp4", [VideoSpec(), VideoSpec()], "several video streams"),
    ],
)
def test_files_that_decord_gets_wrong_are_refused(
    tmp_path: Path, name: str, specs: list[VideoSpec], match: str
) -> None:
    path = write_video(tmp_path / name, *specs)
    with pytest.raises(VideoError, match=f"{name}: .*{match}.*; choose the AutoReader"):
        DecordReader().iter_frames(path, [0.0])


@needs_decord
def test_narrow_pictures_with_a_fourth_channel_are_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "narrow.mp4", VideoSpec(width=48, height=64))
    with pytest.raises(VideoError, match=r"shape \(64, 48, 4\); choose the AutoReader"):
        list(DecordReader().iter_frames(path, [0.0]))


@needs_decord
def test_pictures_whose_size_changes_are_refused(tmp_path: Path) -> None:
    path = write_resized(tmp_path / "resized.mkv")
    assert PyAVReader().probe(path).frame_count == 40
    with pytest.raises(VideoError, match=r"resized\.mkv: decord scales pictures whose size changes on the way; choose"):
        next(DecordReader().iter_frames(path, [0.0]))


def test_without_decord_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "plain.mp4")
    monkeypatch.setattr(DecordReader, "version", "")
    with pytest.raises(VideoError, match=r"decord is not installed \(it has wheels .*\); choose the AutoReader"):
        DecordReader().iter_frames(path, [0.0])
    assert DecordReader().probe(path).frame_count == 40


def read_in_child(path: Path, results: "multiprocessing.Queue[list[int]]") -> None:
    results.put(read_numbers(read_frames(DecordReader(), path, [0.0, 3.0])))


@needs_decord
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_a_forked_worker_can_decode_after_its_parent_did(tmp_path: Path) -> None:
    path = write_video(tmp_path / "plain.mp4")
    assert read_numbers(read_frames(DecordReader(), path, [0.0, 3.0])) == [0, 30]
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=read_in_child, args=(path, results))
    child.start()
    assert results.get(timeout=30) == [0, 30]
    child.join(timeout=30)
    assert not child.is_alive()
