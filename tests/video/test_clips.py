from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.clips import (
    clips_from_frames,
    count_clips,
    fit_frame,
    frame_times,
    iter_clips,
    iter_fitted_frames,
    normalize_clips,
)
from aher_lightning.video.contract import TemporalContract
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, draw_number, needs_real_videos, read_number, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=4, snippet_stride=2, first_centre_frames=2.0, resize=32, crop=32)
WIDE = VideoSpec(num_frames=40, width=64, height=64)


def clip_numbers(clips: torch.Tensor) -> list[list[int]]:
    """Which frames each clip shows; the pictures are square, so cropping loses nothing."""
    return [[read_number(frame.permute(1, 2, 0).numpy()) for frame in clip.unbind(1)] for clip in clips]


def grid_times(duration_sec: float, fps: float) -> list[float]:
    """When each grid frame is taken: clips of one frame."""
    contract = TemporalContract(fps=fps, clip_length=1, snippet_stride=1, first_centre_frames=0.5)
    return list(frame_times(duration_sec, contract))


def test_the_grid_takes_the_middle_of_every_frame() -> None:
    assert grid_times(0.4, 10.0) == pytest.approx([0.05, 0.15, 0.25, 0.35])
    assert len(grid_times(4.049, 10.0)) == 40
    assert len(grid_times(4.051, 10.0)) == 41
    assert grid_times(1e-3, 10.0) == pytest.approx([0.05])


@pytest.mark.parametrize("frames", range(1, 60))
def test_rounding_never_changes_the_number_of_grid_frames(frames: int) -> None:
    # 29.97 frames per second: durations are never exact.
    duration_sec = frames * 1001 / 30000
    assert len(grid_times(duration_sec, 30000 / 1001)) == frames
    assert len(grid_times(np.nextafter(duration_sec, 0), 30000 / 1001)) == frames


@pytest.mark.parametrize(
    ("frames", "clips"), [(1, 1), (15, 1), (16, 1), (23, 1), (24, 2), (32, 3), (39, 3), (40, 4), (1000, 124)]
)
def test_clips_that_fit_are_counted(frames: int, clips: int) -> None:
    contract = TemporalContract(fps=25.0)
    assert count_clips(frames / 25.0, contract) == clips
    assert len(frame_times(frames / 25.0, contract)) == (clips - 1) * 8 + 16


@pytest.mark.parametrize("first_centre", [8.0, 4.0, 9.5])
@pytest.mark.parametrize("frames", [1, 16, 19, 20, 24, 33, 301])
def test_half_the_stride_keeps_every_clip_and_puts_one_between(frames: int, first_centre: float) -> None:
    wide = TemporalContract(fps=10.0, first_centre_frames=first_centre)
    dense = replace(wide, snippet_stride=4)
    duration_sec = frames / 10.0
    clips, denser = (
        clips_from_frames(torch.from_numpy(frame_times(duration_sec, one)).view(-1, 1, 1, 1), one)
        for one in (wide, dense)
    )
    assert torch.equal(denser[::2][: len(clips)], clips)
    assert 2 * len(clips) - 1 <= len(denser) <= 2 * len(clips)
    assert (dense.first_centre_sec, 2 * dense.step_sec) == (wide.first_centre_sec, wide.step_sec)


def test_centres_of_clips_are_the_middles_of_their_frames() -> None:
    contract = TemporalContract(fps=25.0)
    times = torch.from_numpy(frame_times(10.0, contract)).unfold(0, 16, 8)
    expected = contract.first_centre_sec + contract.step_sec * torch.arange(len(times))
    assert torch.allclose(times.mean(dim=1), expected.double())


def test_a_first_clip_may_start_before_the_video() -> None:
    contract = TemporalContract(fps=10.0, clip_length=4, snippet_stride=2, first_centre_frames=0.0)
    assert frame_times(0.6, contract)[:5] == pytest.approx([0.05, 0.05, 0.05, 0.15, 0.25])
    assert count_clips(0.6, contract) == 3


def read_clips(path: Path, contract: TemporalContract) -> torch.Tensor:
    """All clips of a video, ``(N, 3, F, H, W)``."""
    times = frame_times(AutoReader().probe(path).duration_sec, contract)
    frames = list(iter_fitted_frames(AutoReader(), path, contract, times.tolist()))
    clips = clips_from_frames(torch.stack(frames), contract)
    assert torch.equal(torch.stack(list(iter_clips(iter(frames), contract))), clips)
    return clips


def test_clips_of_a_whole_video(tmp_path: Path) -> None:
    clips = read_clips(write_video(tmp_path / "a.mp4", WIDE), CONTRACT)
    assert clips.shape == (19, 3, 4, 32, 32)
    assert clips.dtype == torch.uint8
    assert clip_numbers(clips) == [list(range(2 * clip, 2 * clip + 4)) for clip in range(19)]


def test_a_slower_and_a_faster_grid(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    slow = TemporalContract(fps=5.0, clip_length=4, snippet_stride=4, first_centre_frames=2.0, resize=32, crop=32)
    fast = TemporalContract(fps=20.0, clip_length=4, snippet_stride=4, first_centre_frames=2.0, resize=32, crop=32)
    assert clip_numbers(read_clips(path, slow))[0] == [1, 3, 5, 7]
    assert clip_numbers(read_clips(path, fast))[:2] == [[0, 0, 1, 1], [2, 2, 3, 3]]


def test_a_short_video_repeats_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=2, width=64, height=64))
    assert clip_numbers(read_clips(path, CONTRACT)) == [[0, 1, 1, 1]]


def test_gaps_between_clips_are_stepped_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    contract = TemporalContract(fps=10.0, clip_length=2, snippet_stride=5, first_centre_frames=1.0, resize=32, crop=32)
    assert clip_numbers(read_clips(path, contract)) == [[start, start + 1] for start in range(0, 39, 5)]


@pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 48), (30, 40), (20, 20), (35, 101), (32, 32)])
def test_pictures_of_all_shapes_fit(height: int, width: int) -> None:
    fitted = fit_frame(draw_number(0, width, height), resize=32, crop=28)
    assert fitted.shape == (3, 28, 28)
    assert fitted.dtype == torch.uint8


def test_the_crop_is_central_and_the_average_is_kept() -> None:
    image = np.zeros((40, 80, 3), dtype=np.uint8)
    image[:, 30:50] = 200
    fitted = fit_frame(image, resize=20, crop=20)
    assert torch.equal(fitted, fitted.flip(2))
    assert fitted[:, :, 5:15].float().mean() == pytest.approx(200, abs=10)
    assert fitted.float().mean() == pytest.approx(100, abs=2)


def test_a_picture_of_the_right_size_stays_as_it_is() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(fit_frame(image, 32, 32).permute(1, 2, 0).numpy(), image)


def test_normalization_follows_its_formula() -> None:
    clips = torch.randint(0, 256, (2, 3, 4, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])
    expected = (clips / 255 - mean.view(3, 1, 1, 1)) / std.view(3, 1, 1, 1)
    result = normalize_clips(clips, mean.tolist(), std.tolist())
    assert result.dtype == torch.float32
    assert torch.allclose(result, expected, atol=1e-5)
    reordered = normalize_clips(clips.contiguous(memory_format=torch.channels_last_3d), mean.tolist(), std.tolist())
    assert reordered.is_contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(reordered, result)  # to the bit: the memory format is no part of a temporal contract


@pytest.mark.real_data
@needs_real_videos
def test_clips_of_a_real_activitynet_video() -> None:
    path = Path(REAL_VIDEOS) / "misc" / "v_ZNVhz7ctTq0.mp4"
    contract = TemporalContract(fps=10.0, resize=56, crop=48)
    clips = read_clips(path, contract)
    assert clips.shape == (16, 3, 16, 48, 48)
    assert clips.float().std() > 20
