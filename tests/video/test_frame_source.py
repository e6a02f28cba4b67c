from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import VideoError
from aher_lightning.video import frame_source
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.clips import iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.frame_source import FrameSource
from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.broken_readers import BrokenAutoReader, BrokenReader
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=8, snippet_stride=4, first_centre_frames=4.0, resize=32, crop=32)
TIMES_SEC = [(number + 0.5) / 10 for number in range(40)]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "a.mp4", VideoSpec(num_frames=40, width=64, height=64))


@pytest.fixture(scope="module")
def apart() -> Iterator[FrameSource]:
    """A source that decodes in children; tests must not close it."""
    frames = FrameSource(CONTRACT, BrokenReader(), time_limit_sec=60)
    yield frames
    frames.close()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three frames make a part."""
    monkeypatch.setattr(frame_source, "PART_BYTES", 3 * 3 * 32 * 32)


def test_a_stream_and_all_at_once_agree(video: Path) -> None:
    frames = FrameSource(CONTRACT)
    assert frames.probe(video) == AutoReader().probe(video)
    whole = frames.read(video, TIMES_SEC)
    assert (whole.shape, whole.dtype) == ((40, 3, 32, 32), torch.uint8)
    assert torch.equal(torch.stack(list(frames.stream(video, TIMES_SEC))), whole)
    assert torch.equal(torch.stack(list(iter_fitted_frames(PyAVReader(), video, CONTRACT, TIMES_SEC))), whole)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("count", [0, 1, 3, 7, 40])
def test_a_child_gives_the_same_in_parts(video: Path, apart: FrameSource, count: int) -> None:
    here = list(FrameSource(CONTRACT).stream(video, TIMES_SEC[:count]))
    there = list(apart.stream(video, TIMES_SEC[:count]))
    assert len(there) == len(here) == count
    assert all(torch.equal(mine, other) for mine, other in zip(there, here, strict=True))
    assert apart.probe(video) == AutoReader().probe(video)


@needs_real_videos
@pytest.mark.real_data
@pytest.mark.usefixtures("small_parts")
def test_parts_of_real_videos_are_the_same_to_the_bit(apart: FrameSource) -> None:
    paths = sorted((REAL_VIDEOS / "asl").iterdir())[:4]
    for path in paths:
        times_sec = [(number + 0.5) / 10 for number in range(int(AutoReader().probe(path).duration_sec * 10))]
        there = torch.stack(list(apart.stream(path, times_sec)))
        assert torch.equal(there, FrameSource(CONTRACT).read(path, times_sec))
    assert paths


def test_nothing_is_decoded_before_it_is_asked_for(apart: FrameSource, tmp_path: Path) -> None:
    stream = apart.stream(tmp_path / "missing.mp4", TIMES_SEC)
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        next(stream)


def test_a_decoder_that_crashes_or_hangs_costs_one_video(video: Path, tmp_path: Path) -> None:
    frames = FrameSource(CONTRACT, BrokenReader(), time_limit_sec=60)
    frames.start()
    paths = {name: tmp_path / f"{name}.mp4" for name in ("crash_probe", "crash_decode", "hang_decode")}
    for path in paths.values():
        path.write_bytes(video.read_bytes())
    with pytest.raises(VideoError, match=r"crash_probe\.mp4: its decoder crashed \(signal SIGSEGV\)"):
        frames.probe(paths["crash_probe"])
    with pytest.raises(VideoError, match=r"crash_decode\.mp4: its decoder crashed \(signal SIGSEGV\)"):
        next(frames.stream(paths["crash_decode"], TIMES_SEC))
    frames.time_limit_sec = 0.2
    with pytest.raises(VideoError, match=r"hang_decode\.mp4: not decoded within 0\.2 s"):
        next(frames.stream(paths["hang_decode"], TIMES_SEC))
    frames.time_limit_sec = 60
    assert len(list(frames.stream(video, TIMES_SEC))) == 40
    frames.close()


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(("name", "limit_sec"), [("crash.mp4", 60.0), ("hang.mp4", 1.0)])
def test_pyav_goes_on_where_decord_crashes_or_hangs(
    video: Path, tmp_path: Path, name: str, limit_sec: float, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    path.write_bytes(video.read_bytes())
    expected = FrameSource(CONTRACT).read(video, TIMES_SEC)
    with closing(FrameSource(CONTRACT, BrokenAutoReader(), time_limit_sec=limit_sec)) as frames:
        assert torch.equal(torch.stack(list(frames.stream(path, TIMES_SEC))), expected)
        assert torch.equal(frames.read(path, TIMES_SEC), expected)
        assert caplog.messages == [f"{path}: its decoder crashed or hung; trying PyAVReader"]
        # Another video still begins with decord.
        assert torch.equal(frames.read(video, TIMES_SEC), expected)
        assert frames._reader_of(video) is frames.reader
    with closing(FrameSource(CONTRACT, BrokenAutoReader(), time_limit_sec=limit_sec)) as frames:
        assert torch.equal(frames.read(path, TIMES_SEC), expected)
        assert len(caplog.messages) == 2


def test_where_pyav_crashes_too_the_video_is_an_error(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "crash_decode.mp4"
    path.write_bytes(video.read_bytes())
    reader = BrokenAutoReader()
    reader._pyav = BrokenReader()
    with closing(FrameSource(CONTRACT, reader, time_limit_sec=60)) as frames:
        with pytest.raises(VideoError, match=r"crash_decode\.mp4: its decoder crashed \(signal SIGSEGV\)"):
            frames.read(path, TIMES_SEC)
        with pytest.raises(VideoError, match=r"crash_decode\.mp4: its decoder crashed \(signal SIGSEGV\)"):
            list(frames.stream(path, TIMES_SEC))
        assert len(frames.read(video, TIMES_SEC)) == 40
    assert len(caplog.messages) == 1


def test_without_a_limit_there_is_no_child(video: Path) -> None:
    frames = FrameSource(CONTRACT, BrokenReader())
    frames.start()
    assert len(frames.read(video, TIMES_SEC)) == 40
    assert not frames._children._idle


def test_a_copy_reads_the_same(video: Path) -> None:
    copy = pickle.loads(pickle.dumps(FrameSource(CONTRACT, PyAVReader())))
    assert torch.equal(copy.read(video, TIMES_SEC[:2]), FrameSource(CONTRACT).read(video, TIMES_SEC[:2]))


@pytest.mark.usefixtures("small_parts")
def test_streams_at_the_same_time_do_not_mix(video: Path, apart: FrameSource) -> None:
    whole = FrameSource(CONTRACT).read(video, TIMES_SEC)
    one, other = apart.stream(video, TIMES_SEC), apart.stream(video, TIMES_SEC[10:])
    for number in range(12):
        assert torch.equal(next(one), whole[number])
        assert torch.equal(next(other), whole[10 + number])
    one.close()  # type: ignore[attr-defined]  # a generator
    assert torch.equal(torch.stack(list(apart.stream(video, TIMES_SEC))), whole)
    assert torch.equal(torch.stack(list(other)), whole[22:])
