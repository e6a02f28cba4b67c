from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video import auto_reader
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.numbered_reader import REMEDY, Library
from aher_lightning.video.probing import FrameIndex
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image
from tests.helpers.videos import (
    REAL_VIDEOS,
    VideoSpec,
    needs_real_videos,
    read_frames,
    read_numbers,
    write_corrupt,
    write_resized,
    write_video,
)

MIDDLES = [(position + 0.5) / 10 for position in range(40)]

needs_decord = pytest.mark.skipif(not DecordReader().version, reason="decord has no wheel for this machine")

DECORD_FILES = {
    "plain.mp4": [VideoSpec()],
    "plain.mov": [VideoSpec()],
    "plain.mkv": [VideoSpec()],
    "late.mkv": [VideoSpec(start_sec=1.5)],
    "mpeg4.mp4": [VideoSpec(codec="mpeg4", options={"bf": "2"})],
    "vp9.webm": [VideoSpec(codec="libvpx-vp9")],
    "vfr.mp4": [VideoSpec(times_sec=[0.1 * number + 0.03 * (number % 3) for number in range(40)])],
}
PYAV_FILES = {
    "old.avi": [VideoSpec(codec="mpeg4", options={"bf": "2"})],
    "plain.ts": [VideoSpec()],
    "deep.mp4": [VideoSpec(pixel_format="yuv420p10le")],
    "vp8.webm": [VideoSpec(codec="libvpx")],
    "turned.mov": [VideoSpec(rotation=90)],
    "two.mp4": [VideoSpec(first_number=100), VideoSpec(width=96, height=64)],
    "twins.mp4": [VideoSpec(), VideoSpec(first_number=100)],
    "av1.mkv": [VideoSpec(codec="libsvtav1", width=128, height=96)],
}


@pytest.fixture(autouse=True)
def _nothing_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings of earlier tests do not count."""
    monkeypatch.setattr(auto_reader, "_reported", set())


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that decord opens."""
    names: list[str] = []
    load = DecordReader.load

    def spy(self: DecordReader) -> Library:
        library = load(self)

        def open_and_tell(index: FrameIndex) -> object:
            names.append(index.info.path.name)
            return library.open(index)

        return library._replace(open=open_and_tell)

    monkeypatch.setattr(DecordReader, "load", spy)
    return names


@needs_decord
@pytest.mark.parametrize("name", [*DECORD_FILES, *PYAV_FILES])
def test_the_right_reader_is_chosen_and_frames_are_equal(
    tmp_path: Path, name: str, spied: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    specs = {**DECORD_FILES, **PYAV_FILES}[name]
    if specs[0].codec not in av.codecs_available:
        pytest.skip(f"PyAV has no {specs[0].codec} here")
    path = write_video(tmp_path / name, *specs)
    reader = AutoReader(use_decord=True)
    assert reader.version == f"PyAV {PyAVReader().version}, decord {DecordReader().version}"
    images = read_frames(reader, path, MIDDLES)
    assert np.array_equal(images, read_frames(PyAVReader(), path, MIDDLES))
    assert spied == ([name] if name in DECORD_FILES else [])
    assert len(caplog.messages) == (name in PYAV_FILES)
    read_frames(reader, path, MIDDLES[:1])
    assert len(caplog.messages) == (name in PYAV_FILES), "logged once"


def test_decord_is_used_on_request_and_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "plain.mp4")
    without = AutoReader()
    monkeypatch.setattr(DecordReader, "version", "")
    missing = AutoReader(use_decord=True)
    for reader in (without, missing):
        assert read_numbers(read_frames(reader, path, MIDDLES)) == list(range(40))
    assert missing.version == without.version == f"PyAV {PyAVReader().version}"
    assert caplog.messages == [
        "decord is not installed (it has wheels for Linux and Windows on x86-64): PyAV decodes such files"
    ]
    assert without.fallback is None
    assert isinstance(missing.fallback, PyAVReader)


@needs_decord
def test_pyav_takes_over_where_decord_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "plain.mp4")
    iterate = DecordReader.iter_frames

    def give_up(self: DecordReader, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        yield from iterate(self, path, times_sec[:7])
        raise VideoError(f"{path}: decord has had enough; {REMEDY}")

    monkeypatch.setattr(DecordReader, "iter_frames", give_up)
    for _ in range(2):
        assert read_numbers(read_frames(AutoReader(use_decord=True), path, MIDDLES)) == list(range(40))
    assert caplog.messages == [f"{path}: decord has had enough; PyAV decodes it"]


@pytest.mark.parametrize("use_decord", [False, True])
def test_pictures_whose_size_changes_keep_their_sizes(tmp_path: Path, use_decord: bool) -> None:
    images = list(AutoReader(use_decord).iter_frames(write_resized(tmp_path / "resized.mkv"), MIDDLES))
    assert [image.shape for image in images] == [(48, 64, 3)] * 20 + [(48, 96, 3)] * 20
    assert read_numbers(images) == list(range(40))


@pytest.mark.parametrize("use_decord", [False, True])
def test_narrow_pictures_are_read_in_spite_of_decord(tmp_path: Path, use_decord: bool) -> None:
    path = write_video(tmp_path / "narrow.mp4", VideoSpec(width=48, height=64))
    assert read_frames(AutoReader(use_decord), path, MIDDLES).shape == (40, 64, 48, 3)


@pytest.mark.parametrize("use_decord", [False, True])
def test_a_corrupt_payload_is_an_error(tmp_path: Path, use_decord: bool) -> None:
    path = write_corrupt(tmp_path / "corrupt.mp4")
    with pytest.raises(VideoError, match="is damaged or no video"):
        read_frames(AutoReader(use_decord), path, (np.arange(200) / 10).tolist())


def test_missing_files_fail_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"none\.mp4: no such file; check the path"):
        AutoReader().iter_frames(tmp_path / "none.mp4", [0.0])


@pytest.mark.real_data
@needs_real_videos
def test_odd_real_files_are_read_or_refused() -> None:
    reader = AutoReader(use_decord=True)
    refused = {"decord_corrupted.mp4": "is damaged", "derived_truncated.mp4": "is truncated"}
    for name, reason in refused.items():
        with pytest.raises(VideoError, match=f"{name}: {reason}"):
            list(reader.iter_frames(REAL_VIDEOS / "odd" / name, [4.9]))
    paths = [path for path in sorted((REAL_VIDEOS / "odd").iterdir()) if path.name not in refused]
    assert len(paths) == 19
    for path in paths:
        info = reader.probe(path)
        times = np.arange(0.05, info.duration_sec, 0.1).tolist()
        shapes = {image.shape for image in reader.iter_frames(path, times)}
        assert shapes == {(info.height, info.width, 3)}, path.name
