from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.errors import VideoError
from aher_lightning.video.clips import iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.fitted_frames import next_fitted_frames, open_fitted_frames, read_fitted_frames
from aher_lightning.video.pyav_reader import PyAVReader
from tests.helpers.videos import VideoSpec, read_numbers, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=8, snippet_stride=4, first_centre_frames=4.0, resize=32, crop=32)


def test_frames_are_those_on_display(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=30, width=64, height=64))
    times_sec = [0.05, 0.05, 1.25, 2.95, 9.0]
    frames = read_fitted_frames(PyAVReader(), path, CONTRACT, times_sec)
    assert frames.shape == (5, 3, 32, 32)
    assert frames.dtype == np.uint8
    assert read_numbers(list(frames.transpose(0, 2, 3, 1))) == [0, 0, 12, 29, 29]
    one_by_one = torch.stack(list(iter_fitted_frames(PyAVReader(), path, CONTRACT, times_sec)))
    assert torch.equal(torch.from_numpy(frames), one_by_one)


def test_no_times_give_no_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    assert read_fitted_frames(PyAVReader(), path, CONTRACT, []).shape == (0, 3, 32, 32)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"broken\.mp4: .*no video"):
        read_fitted_frames(PyAVReader(), tmp_path / "broken.mp4", CONTRACT, [0.0])


def test_parts_of_a_video_follow_one_another(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=30, width=64, height=64))
    times_sec = [(number + 0.5) / 10 for number in range(10)]
    whole = read_fitted_frames(PyAVReader(), path, CONTRACT, times_sec)
    open_fitted_frames(PyAVReader(), path, CONTRACT, times_sec)
    parts = [next_fitted_frames(4) for _ in range(4)]
    assert [len(part) for part in parts] == [4, 4, 2, 0]
    assert np.array_equal(np.concatenate(parts[:3]), whole)
    # Another video takes the place of one that was not read to its end.
    open_fitted_frames(PyAVReader(), path, CONTRACT, times_sec)
    next_fitted_frames(4)
    open_fitted_frames(PyAVReader(), path, CONTRACT, times_sec[:1])
    assert np.array_equal(next_fitted_frames(4), whole[:1])
