from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from aher_lightning.errors import VideoError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, read_numbers, write_corrupt, write_video

MIDDLES = [(position + 0.5) / 10 for position in range(40)]

needs_decord = pytest.mark.skipif(not DecordReader().version, reason="decord has no wheel for this machine")

DECORD_FILES = {
    "plain.mp4": VideoSpec(),
    "turned.mov": VideoSpec(rotation=90),
    "vp9.webm": VideoSpec(codec="libvpx-vp9"),
}
PYAV_FILES = {
    "old.avi": VideoSpec(codec="mpeg4", options={"bf": "2"}),
    "plain.ts": VideoSpec(),
    "deep.mp4": VideoSpec(pixel_format="yuv420p10le"),
    "vp8.webm": VideoSpec(codec="libvpx"),
}


@needs_decord
@pytest.mark.parametrize("name", [*DECORD_FILES, *PYAV_FILES])
def test_the_right_reader_is_chosen_and_frames_are_right(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, {**DECORD_FILES, **PYAV_FILES}[name])
    reader = AutoReader(use_decord=True)
    assert reader.version == f"PyAV {PyAVReader().version}, decord {DecordReader().version}"
    assert reader.chooses_decord(reader.probe(path)) == (name in DECORD_FILES)
    assert read_numbers(reader.read_frames(path, MIDDLES)) == list(range(40))


def test_decord_is_used_on_request_and_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "plain.mp4")
    without = AutoReader()
    assert not without.chooses_decord(without.probe(path))
    monkeypatch.setattr(DecordReader, "version", "")
    missing = AutoReader(use_decord=True)
    assert not missing.chooses_decord(missing.probe(path))
    assert read_numbers(missing.read_frames(path, MIDDLES)) == list(range(40))
    assert missing.version == without.version == f"PyAV {PyAVReader().version}"


@needs_decord
def test_pyav_takes_over_where_decord_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "plain.mp4")
    iterate = DecordReader.iter_frames

    def give_up(self: DecordReader, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        yield from iterate(self, path, times_sec[:7])
        raise VideoError("decord has had enough")

    monkeypatch.setattr(DecordReader, "iter_frames", give_up)
    assert read_numbers(AutoReader(use_decord=True).read_frames(path, MIDDLES)) == list(range(40))


@pytest.mark.parametrize("use_decord", [False, True])
def test_narrow_pictures_are_read_in_spite_of_decord(tmp_path: Path, use_decord: bool) -> None:
    path = write_video(tmp_path / "narrow.mp4", VideoSpec(width=48, height=64))
    assert AutoReader(use_decord).read_frames(path, MIDDLES).shape == (40, 64, 48, 3)


@pytest.mark.parametrize("use_decord", [False, True])
def test_a_corrupt_payload_is_an_error(tmp_path: Path, use_decord: bool) -> None:
    path = write_corrupt(tmp_path / "corrupt.mp4")
    with pytest.raises(VideoError, match="is damaged or no video"):
        AutoReader(use_decord).read_frames(path, (np.arange(200) / 10).tolist())


def test_missing_files_fail_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"none\.mp4: no such file; check the path"):
        AutoReader().iter_frames(tmp_path / "none.mp4", [0.0])


def mean_difference(image: Image, other: Image) -> float:
    """Mean absolute difference after resizing to 112 pixels, in units of 255."""
    pair = torch.from_numpy(np.stack([image, other])).permute(0, 3, 1, 2)
    small = interpolate(pair, size=(112, 112), mode="bilinear", antialias=True).float()
    return float((small[0] - small[1]).abs().mean())


@pytest.mark.real_data
@pytest.mark.slow
@needs_real_videos
@needs_decord
@pytest.mark.parametrize("folder", ["ut_interaction/moments", "ut_interaction/untrimmed", "ps7", "asl", "misc"])
def test_readers_agree_on_real_human_actions(folder: str) -> None:
    paths = sorted((REAL_VIDEOS / folder).glob("*.mp4"))
    decord, pyav, num_frames = DecordReader(), PyAVReader(), 0
    for path in paths:
        times = np.arange(0.05, pyav.probe(path).duration_sec, 0.5).tolist()
        for image, other in zip(decord.iter_frames(path, times), pyav.iter_frames(path, times), strict=True):
            assert image.shape == other.shape
            assert mean_difference(image, other) < 3, path.name
            num_frames += 1
    assert num_frames > len(paths)


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
