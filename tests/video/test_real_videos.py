"""Every real video beside the repository either decodes, the same in all readers, or says why not."""

import json
import operator
import re
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from lightning_utilities.core.imports import compare_version

from aher_lightning.errors import VideoError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image, VideoInfo, VideoReader
from aher_lightning.video.torchcodec_reader import TorchCodecReader
from tests.helpers.fake_torchcodec import why_torchcodec_is_absent
from tests.helpers.videos import REAL_VIDEOS, needs_real_videos

pytestmark = [pytest.mark.real_data, needs_real_videos]

REFUSED = {
    "odd/decord_corrupted.mp4": "is damaged",
    "odd/derived_truncated.mp4": "is truncated, it holds 26 of 355 frames; copy or download it again",
}

DECORD_OBJECTIONS = {
    "odd/PS7A2P2T1.avi": r"format \(avi\)",
    "odd/RATRACE_wave_f_nm_np1_fr_goo_37.avi": r"format \(avi\)",
    "odd/mma2_test.avi": r"format \(avi\)",
    "odd/decord_video_180.mov": "rotates pictures",
    "odd/decord_video_270.mov": "rotates pictures",
    "odd/derived_rotate90.mp4": "rotates pictures",
    "odd/torchcodec_h264_10bits.mp4": "yuv420p10le",
    "odd/torchcodec_nasa_13013.mp4": "several video streams",
}
"""What PyAV decodes even where decord is asked for, and why; decord decodes all others."""

NAMES = sorted(
    path.relative_to(REAL_VIDEOS).as_posix()
    for path in REAL_VIDEOS.rglob("*.*")
    if path.is_file() and path.suffix != ".json"
)

HOLLOW = {"odd/RATRACE_wave_f_nm_np1_fr_goo_37.avi": 1}
"""Packets that hold no frame, the place of a packed B-frame: they are counted, and last as long as one."""

SHORT_FRAMES = 100
"""Of files with no more frames than this all are compared, of others these first, some in between and the last."""

COLOUR_TOLERANCE = 0 if compare_version("av", operator.ge, "18") else 3
"""Readers agree to the bit from PyAV 18 on; PyAV 17 converts the colours of some files slightly differently."""

TORCHCODEC_ABSENCE = why_torchcodec_is_absent()


class PlainDecoding(NamedTuple):
    """A video as it comes out of the decoder: when frames start, when the last ends, and some upright pictures."""

    starts_sec: list[float]
    end_sec: float
    pictures: dict[int, Image]


def decode_plainly(path: Path, wanted: Container[int]) -> PlainDecoding:
    """Decode all frames one after another; seconds after the first frame."""
    starts: list[float] = []
    ends: list[float] = []
    pictures: dict[int, Image] = {}
    with av.open(str(path)) as container:
        stream = max(container.streams.video, key=lambda one: one.codec_context.width * one.codec_context.height)
        stream.codec_context.thread_count = 1
        unit, rate = float(stream.time_base or 0), float(stream.average_rate or 25)
        for number, frame in enumerate(container.decode(stream)):
            # AVI stores no times of display: frames come one after another.
            start = number / rate if container.format.name == "avi" else (frame.pts or 0) * unit
            starts.append(start)
            ends.append(start + ((frame.duration or 0) * unit or 1 / rate))
            if number in wanted:
                pictures[number] = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
    return PlainDecoding([start - starts[0] for start in starts], max(ends) - starts[0], pictures)


def numbers_to_compare(count: int) -> list[int]:
    """Frames that are compared."""
    if count <= SHORT_FRAMES:
        return list(range(count))
    return [*range(20), *range(20, count - 1, count // 12), count - 1]


def readers_for(info: VideoInfo) -> dict[str, VideoReader]:
    """The readers other than PyAV that do not object to a file."""
    readers: dict[str, VideoReader] = {}
    if not (decord := DecordReader()).objection(info):
        readers["decord"] = decord
    if not TORCHCODEC_ABSENCE and not (torchcodec := TorchCodecReader()).objection(info):
        readers["torchcodec"] = torchcodec
    return readers


@pytest.fixture(scope="module")
def stated_durations() -> dict[str, float]:
    """Seconds that the annotations say the composites last."""
    content = json.loads((REAL_VIDEOS / "ut_interaction" / "annotations.json").read_text(encoding="utf-8"))
    return {name: entry["duration"] for name, entry in content["database"].items()}


def test_all_files_are_here() -> None:
    assert len(NAMES) == 193
    assert set(REFUSED) < set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in REFUSED])
def test_duration_and_frames_are_right_in_every_reader(name: str, stated_durations: dict[str, float]) -> None:
    path, reader = REAL_VIDEOS / name, PyAVReader()
    info = reader.probe(path)
    plain = decode_plainly(path, numbers_to_compare(info.frame_count))
    assert info.duration_sec == pytest.approx(plain.end_sec, abs=1.0 / info.average_fps)
    if path.stem in stated_durations:
        assert info.duration_sec == pytest.approx(stated_durations[path.stem], abs=1.0 / info.average_fps)
    assert len(plain.starts_sec) == info.frame_count - HOLLOW.get(name, 0)
    times = [plain.starts_sec[number] + 1e-4 for number in plain.pictures]
    images = list(reader.iter_frames(path, times))
    assert {image.shape for image in images} == {(info.height, info.width, 3)}
    assert all(map(np.array_equal, images, plain.pictures.values()))
    for other, decoder in readers_for(info).items():
        for image, same in zip(images, decoder.iter_frames(path, times), strict=True):
            assert is_same(image, same), other


def is_same(image: Image, other: Image) -> bool:
    """Whether two readers give the same picture, as far as they must."""
    if np.array_equal(image, other):
        return True
    return image.shape == other.shape and np.abs(image.astype(int) - other).mean() < COLOUR_TOLERANCE


@pytest.mark.skipif(not DecordReader().version, reason="decord has no wheel for this machine")
def test_decord_decodes_all_but_the_files_that_it_is_known_to_get_wrong() -> None:
    decord = DecordReader()
    objections = {name: decord.objection(decord.probe(REAL_VIDEOS / name)) for name in NAMES if name not in REFUSED}
    assert {name for name, objection in objections.items() if objection} == set(DECORD_OBJECTIONS)
    for name, match in DECORD_OBJECTIONS.items():
        assert re.search(match, objections[name])


@pytest.mark.parametrize("use_decord", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_with_their_reason(name: str, use_decord: bool) -> None:
    path, reader = REAL_VIDEOS / name, AutoReader(use_decord)
    with pytest.raises(VideoError, match=f"{name}: {REFUSED[name]}") as caught:
        list(reader.iter_frames(path, np.arange(0, reader.probe(path).duration_sec, 1 / 30).tolist()))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.skipif(bool(TORCHCODEC_ABSENCE), reason=TORCHCODEC_ABSENCE or "torchcodec is here")
def test_torchcodec_refuses_the_bad_files_too() -> None:
    for name, reason in REFUSED.items():
        with pytest.raises(VideoError, match=f"{name}: {reason}|{name}: torchcodec cannot decode it"):
            list(TorchCodecReader().iter_frames(REAL_VIDEOS / name, np.arange(0, 11.8, 1 / 30).tolist()))
