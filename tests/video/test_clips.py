from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.errors import VideoError
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.clips import (
    clips_from_frames,
    count_clips,
    fit_frame,
    frame_times,
    grid_times,
    iter_clips,
    iter_grid_frames,
    normalize_clips,
    read_clips,
)
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import Image
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, draw_number, needs_real_videos, read_number, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=4, snippet_stride=2, first_centre_frames=2.0, resize=32, crop=32)
WIDE = VideoSpec(num_frames=40, width=64, height=64)


def clip_numbers(clips: torch.Tensor) -> list[list[int]]:
    """Which frames each clip shows; the pictures are square, so cropping loses nothing."""
    return [[read_number(frame.permute(1, 2, 0).numpy()) for frame in clip.unbind(1)] for clip in clips]


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


def test_centres_of_clips_are_the_middles_of_their_frames() -> None:
    contract = TemporalContract(fps=25.0)
    times = torch.from_numpy(frame_times(10.0, contract)).unfold(0, 16, 8)
    expected = contract.first_centre_sec + contract.step_sec * torch.arange(len(times))
    assert torch.allclose(times.mean(dim=1), expected.double())


def test_a_first_clip_may_start_before_the_video() -> None:
    contract = TemporalContract(fps=10.0, clip_length=4, snippet_stride=2, first_centre_frames=0.0)
    assert frame_times(0.6, contract)[:5] == pytest.approx([0.05, 0.05, 0.05, 0.15, 0.25])
    assert count_clips(0.6, contract) == 3


def test_clips_of_a_whole_video(tmp_path: Path) -> None:
    result = read_clips(AutoReader(), write_video(tmp_path / "a.mp4", WIDE), CONTRACT)
    assert result.clips.shape == (19, 3, 4, 32, 32)
    assert result.clips.dtype == torch.uint8
    assert clip_numbers(result.clips) == [list(range(2 * clip, 2 * clip + 4)) for clip in range(19)]
    assert result.first_centre_sec == pytest.approx(0.2)
    assert result.step_sec == pytest.approx(0.2)


def test_a_slower_and_a_faster_grid(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    slow = TemporalContract(fps=5.0, clip_length=4, snippet_stride=4, first_centre_frames=2.0, resize=32, crop=32)
    fast = TemporalContract(fps=20.0, clip_length=4, snippet_stride=4, first_centre_frames=2.0, resize=32, crop=32)
    assert clip_numbers(read_clips(AutoReader(), path, slow).clips)[0] == [1, 3, 5, 7]
    assert clip_numbers(read_clips(AutoReader(), path, fast).clips)[:2] == [[0, 0, 1, 1], [2, 2, 3, 3]]


def test_a_short_video_repeats_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=2, width=64, height=64))
    assert clip_numbers(read_clips(AutoReader(), path, CONTRACT).clips) == [[0, 1, 1, 1]]


def test_a_span_is_a_grid_of_its_own(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    result = read_clips(AutoReader(), path, CONTRACT, span_sec=(1.5, 2.3))
    assert clip_numbers(result.clips) == [[15, 16, 17, 18], [17, 18, 19, 20], [19, 20, 21, 22]]
    assert result.first_centre_sec == pytest.approx(0.2)
    shifted = read_clips(AutoReader(), path, CONTRACT, span_sec=(1.52, 2.32))
    assert torch.equal(shifted.clips, result.clips)


def test_a_span_decodes_only_its_own_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    asked: list[float] = []

    class Spy(AutoReader):
        def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
            asked.extend(times_sec)
            return super().iter_frames(path, times_sec)

    read_clips(Spy(), path, CONTRACT, span_sec=(1.5, 2.3))
    assert (min(asked), max(asked)) == pytest.approx((1.55, 2.25))


def test_what_exceeds_the_video_is_cut_off(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    result = read_clips(AutoReader(), path, CONTRACT, span_sec=(3.5, 99.0))
    assert clip_numbers(result.clips) == [[35, 36, 37, 38]]


@pytest.mark.parametrize("span_sec", [(4.0, 5.0), (2.0, 2.0), (3.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0)])
def test_senseless_spans_are_refused(tmp_path: Path, span_sec: tuple[float, float]) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    with pytest.raises(VideoError, match=r"a\.mp4: no frames from .* the video lasts 4\.00 s; check its annotation"):
        read_clips(AutoReader(), path, CONTRACT, span_sec=span_sec)


def test_one_clip_at_a_time_and_all_at_once_agree(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    whole = read_clips(AutoReader(), path, CONTRACT).clips
    assert torch.equal(torch.stack(list(iter_clips(iter_grid_frames(AutoReader(), path, CONTRACT), CONTRACT))), whole)
    frames = torch.stack(list(iter_grid_frames(AutoReader(), path, CONTRACT)))
    assert frames.shape == (40, 3, 32, 32)
    assert torch.equal(clips_from_frames(frames, CONTRACT), whole)


def test_gaps_between_clips_are_stepped_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", WIDE)
    contract = TemporalContract(fps=10.0, clip_length=2, snippet_stride=5, first_centre_frames=1.0, resize=32, crop=32)
    expected = [[start, start + 1] for start in range(0, 39, 5)]
    assert clip_numbers(read_clips(AutoReader(), path, contract).clips) == expected


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


@pytest.mark.real_data
@needs_real_videos
def test_clips_of_a_real_activitynet_video() -> None:
    path = Path(REAL_VIDEOS) / "misc" / "v_ZNVhz7ctTq0.mp4"
    contract = TemporalContract(fps=10.0, resize=56, crop=48)
    whole = read_clips(AutoReader(), path, contract)
    assert whole.clips.shape == (16, 3, 16, 48, 48)
    assert whole.clips.float().std() > 20
    part = read_clips(AutoReader(), path, contract, span_sec=(1.6, 4.8))
    assert torch.equal(part.clips, whole.clips[2:5])
