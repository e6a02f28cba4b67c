import builtins
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from aher_lightning.errors import ConfigError, VideoError
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.torchcodec_reader import TorchCodecReader
from tests.helpers.fake_torchcodec import FakeVideoDecoder, install_fake, why_torchcodec_is_absent
from tests.helpers.videos import VideoSpec, read_frames, read_numbers, write_video

MIDDLES = [(position + 0.5) / 10 for position in range(40)]

ABSENCE = why_torchcodec_is_absent()

INSTALL = r"; install aher-lightning\[torchcodec\] and FFmpeg 4 to 8"


@pytest.fixture(params=["fake", "real"])
def torchcodec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The documented behaviour by PyAV, and torchcodec itself where it can be loaded."""
    kind: str = request.param
    if kind == "fake":
        install_fake(monkeypatch)
    elif ABSENCE:
        pytest.skip(ABSENCE)
    return kind


@pytest.mark.usefixtures("torchcodec")
@pytest.mark.parametrize(
    ("name", "specs"),
    [
        ("plain.mp4", [VideoSpec()]),
        ("plain.mkv", [VideoSpec()]),
        ("late.mkv", [VideoSpec(start_sec=1.5)]),
        ("turned.mp4", [VideoSpec(rotation=90)]),
        ("upside_down.mp4", [VideoSpec(width=96, rotation=180)]),
        ("narrow.mp4", [VideoSpec(width=48, height=64)]),
        ("vp9.webm", [VideoSpec(codec="libvpx-vp9")]),
        ("vp8.webm", [VideoSpec(codec="libvpx")]),
        ("vfr.mp4", [VideoSpec(num_frames=6, times_sec=[0.0, 0.1, 0.5, 0.6, 1.5, 1.6])]),
        ("single.mp4", [VideoSpec(num_frames=1)]),
        ("two.mp4", [VideoSpec(first_number=100), VideoSpec(width=96, height=64)]),
        ("twins.mp4", [VideoSpec(), VideoSpec(first_number=100)]),
    ],
)
def test_same_pixels_as_pyav(tmp_path: Path, name: str, specs: list[VideoSpec]) -> None:
    path = write_video(tmp_path / name, *specs)
    images = read_frames(TorchCodecReader(), path, MIDDLES)
    assert np.array_equal(images, read_frames(PyAVReader(), path, MIDDLES))
    assert read_numbers(images)[0] == 0
    assert TorchCodecReader().probe(path) == PyAVReader().probe(path)


@pytest.mark.usefixtures("torchcodec")
def test_sparse_and_repeated_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=250))
    images = list(TorchCodecReader().iter_frames(path, [-1.0, 0.05, 0.06, 20.0, 99.0]))
    assert read_numbers(images) == [0, 0, 0, 200, 249]
    assert images[0] is images[2]
    assert list(TorchCodecReader().iter_frames(path, [])) == []


@pytest.mark.usefixtures("torchcodec")
@pytest.mark.parametrize(
    ("name", "spec", "match"),
    [
        ("old.avi", VideoSpec(codec="mpeg4"), r"loses frames of some files in this format \(avi\)"),
        ("plain.ts", VideoSpec(), r"loses frames of some files in this format \(mpegts\)"),
        ("deep.mp4", VideoSpec(pixel_format="yuv420p10le"), r"not exact for these colours \(h264, yuv420p10le\)"),
    ],
)
def test_files_that_torchcodec_gets_wrong_are_refused(tmp_path: Path, name: str, spec: VideoSpec, match: str) -> None:
    path = write_video(tmp_path / name, spec)
    with pytest.raises(VideoError, match=f"{name}: torchcodec .*{match}; choose the AutoReader"):
        TorchCodecReader().iter_frames(path, [0.0])


def test_a_failure_on_the_way_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(FakeVideoDecoder):
        def __getitem__(self, number: int) -> Tensor:
            if number > 1:
                raise RuntimeError("Could not decode\nException raised from\nfar away")
            return super().__getitem__(number)

    install_fake(monkeypatch, Failing)
    frames = TorchCodecReader().iter_frames(write_video(tmp_path / "plain.mp4"), MIDDLES)
    assert read_numbers([next(frames), next(frames)]) == [0, 1]
    with pytest.raises(VideoError, match=r"plain\.mp4: torchcodec cannot decode it \(Could not decode\); choose"):
        next(frames)


def failing_import(failure: Exception) -> Callable[..., ModuleType]:
    """An import that fails for torchcodec alone."""
    import_module = builtins.__import__

    def fail(name: str, *others: Any, **more: Any) -> ModuleType:
        if name.startswith("torchcodec"):
            raise failure
        return import_module(name, *others, **more)

    return fail


@pytest.mark.parametrize(
    ("failure", "match"),
    [
        (ModuleNotFoundError("No module named 'torchcodec'", name="torchcodec"), "torchcodec is not installed"),
        (
            RuntimeError("Could not load libtorchcodec. Likely causes:\n 1. FFmpeg is not properly installed."),
            r"torchcodec cannot be loaded \(Could not load libtorchcodec\)",
        ),
        (
            OSError("libavutil.so.60: no such file\nmore"),
            r"torchcodec cannot be loaded \(libavutil.so.60: no such file\)",
        ),
        (RuntimeError(), r"torchcodec cannot be loaded \(RuntimeError\)"),
    ],
)
def test_without_torchcodec_the_message_names_extra_and_ffmpeg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, match: str
) -> None:
    path = write_video(tmp_path / "plain.mp4")
    for name in [name for name in sys.modules if name.startswith("torchcodec")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", failing_import(failure))
    with pytest.raises(ConfigError, match=f"^{match}{INSTALL}") as caught:
        TorchCodecReader().iter_frames(path, [0.0])
    assert "\n" not in str(caught.value)
    assert TorchCodecReader().probe(path).frame_count == 40
