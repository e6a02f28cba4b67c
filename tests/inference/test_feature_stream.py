from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import VideoError
from aher_lightning.inference.feature_stream import stream_features, window_snippets
from aher_lightning.models.base import CLIPS_AT_ONCE
from aher_lightning.modules.base import BaseModule
from aher_lightning.ops.windows import Window, split_windows
from aher_lightning.video.clips import count_clips
from aher_lightning.video.frame_source import FrameSource
from tests.helpers.trained import small_localizer
from tests.helpers.training import small_contract
from tests.helpers.videos import VideoSpec, write_truncated, write_video

FRAMES = 200


@pytest.fixture
def module() -> BaseModule:
    module = small_localizer().eval()
    module.contract = small_contract()
    return module


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "v.mp4", VideoSpec(num_frames=FRAMES))


@torch.no_grad()
def test_the_stream_equals_the_whole_video_at_once(module: BaseModule, video: Path) -> None:
    done: list[int] = []
    parts = list(stream_features(module, FrameSource(module.require_contract()), video, done.append))
    clips = VideoFolder({"v": video}, module.require_contract()).read("v").values
    assert len(clips) == count_clips(20.0, module.require_contract()) == 50
    assert done == [len(part) for part in parts] == [CLIPS_AT_ONCE, 50 - CLIPS_AT_ONCE]
    torch.testing.assert_close(torch.cat(parts), module.snippet_features(clips), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("window_sec", [1.03, 3.7, 12.1, 30.0])
def test_windows_get_the_clips_that_lie_in_them(module: BaseModule, window_sec: float) -> None:
    contract = module.require_contract()
    total = count_clips(20.0, contract)
    numbers = torch.arange(float(total))[:, None]
    windows = split_windows(20.0, window_sec)
    sequences = list(window_snippets(iter(torch.split(numbers, 7)), windows, module))
    assert len(sequences) == len(windows)
    for window, sequence in zip(windows, sequences, strict=True):
        length = window.end_sec - window.start_sec
        places = window.start_sec + length * (
            sequence.first_centre + sequence.step * torch.arange(len(sequence.values))
        )
        expected = contract.first_centre_sec + contract.step_sec * sequence.values[:, 0]
        torch.testing.assert_close(places, expected)
        centres = contract.first_centre_sec + contract.step_sec * numbers[:, 0]
        inside = (centres >= window.start_sec - 1e-9) & (centres <= window.end_sec + 1e-9)
        assert sequence.values[:, 0].tolist() == numbers[inside, 0].tolist()


def test_windows_shorter_than_the_distance_of_clips_get_the_nearest_one(module: BaseModule) -> None:
    total = count_clips(20.0, module.require_contract())
    windows = split_windows(20.0, 0.1)
    sequences = list(window_snippets(iter(torch.split(torch.arange(float(total))[:, None], 5)), windows, module))
    assert all(len(sequence.values) == 1 for sequence in sequences)
    assert sequences[-1].values.item() == total - 1


def test_no_more_is_read_than_the_windows_so_far_need(module: BaseModule) -> None:
    read: list[int] = []

    def features() -> Iterator[torch.Tensor]:
        for number in range(count_clips(20.0, module.require_contract())):
            read.append(number)
            yield torch.full((1, 1), float(number))

    snippets = window_snippets(features(), split_windows(20.0, 4.0), module)
    assert read == []
    first = next(snippets)
    assert len(read) == len(first.values)


def test_held_features_do_not_grow_with_the_video(module: BaseModule) -> None:
    windows = split_windows(4000.0, 10.0)
    total = count_clips(4000.0, module.require_contract())
    groups = (torch.zeros(size, 1) for size in [10] * (total // 10) + [total % 10] if size)
    sizes = [sequence.values.untyped_storage().nbytes() // 4 for sequence in window_snippets(groups, windows, module)]
    assert len(sizes) == len(windows) > 700
    assert max(sizes[1:]) <= 25 + 25 + 20


def test_the_only_window_has_all_clips_of_a_video(module: BaseModule) -> None:
    short = [Window(0.0, 0.1)]
    (sequence,) = window_snippets(iter([torch.zeros(1, 1)]), short, module)
    assert len(sequence.values) == 1


def test_a_video_that_is_cut_off_is_refused(module: BaseModule, tmp_path: Path) -> None:
    path = write_truncated(tmp_path / "cut.mp4")
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        list(stream_features(module, FrameSource(module.require_contract()), path))
