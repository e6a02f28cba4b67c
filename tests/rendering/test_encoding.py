from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from aher_lightning.rendering.encoding import write_video


@pytest.fixture
def frames() -> list[np.ndarray]:
    steps = np.linspace(0, 200, 25).astype(np.uint8)
    return [np.full((36, 48, 3), step, np.uint8) for step in steps]


def test_written_files_are_h264_with_frames_on_the_grid(tmp_path: Path, frames: list[np.ndarray]) -> None:
    assert write_video(tmp_path / "ramp.mp4", iter(frames), 10) == 25

    with av.open(str(tmp_path / "ramp.mp4")) as container:
        stream = container.streams.video[0]
        decoded = list(container.decode(stream))
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height, stream.frames) == (48, 36, 25)
        assert float(stream.duration * stream.time_base) == pytest.approx(2.5)
    np.testing.assert_allclose([frame.time for frame in decoded], np.arange(25) / 10.0)
    values = [frame.to_ndarray(format="rgb24").mean() for frame in decoded]
    np.testing.assert_allclose(values, [frame.mean() for frame in frames], atol=6.0)


def test_the_same_frames_give_the_same_file(tmp_path: Path, frames: list[np.ndarray]) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, frames, 10)

    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
