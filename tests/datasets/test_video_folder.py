from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from aher_lightning.datasets.feature_store import NpyFeatureStore
from aher_lightning.datasets.video_folder import VideoFolder, find_videos
from aher_lightning.errors import DataError, VideoError
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image
from tests.helpers.videos import VideoSpec, read_numbers, write_video

# Grid frames are frames of the file; centres at 0.4, 0.8, 1.2, ... seconds.
CONTRACT = TemporalContract(fps=10.0, clip_length=8, snippet_stride=4, first_centre_frames=4.0, resize=32, crop=32)


class CountingReader(PyAVReader):
    """Remembers how many frames were asked for, file by file."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[int] = []

    def iter_frames(self, path: Path, times_sec: Sequence[float]) -> Iterator[Image]:
        self.passes.append(len(times_sec))
        return super().iter_frames(path, times_sec)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "a.mp4", VideoSpec(num_frames=40, width=64, height=64))


def numbers(clips: torch.Tensor) -> list[list[int]]:
    """Frame numbers of clips ``(N, 3, F, H, W)``."""
    return [read_numbers(list(clip.permute(1, 2, 3, 0).numpy())) for clip in clips]


@pytest.mark.parametrize("cache_frames", [False, True])
def test_clips_show_the_frames_of_the_grid(video: Path, cache_frames: bool) -> None:
    folder = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader(), cache_frames=cache_frames)
    snippets = folder.read("a")
    assert folder.video_ids == ["a"]
    assert folder.duration_sec("a") == pytest.approx(4.0)
    assert snippets.values.shape == (9, 3, 8, 32, 32)
    assert snippets.values.dtype == torch.uint8
    assert numbers(snippets.values) == [list(range(4 * clip, 4 * clip + 8)) for clip in range(9)]
    assert (snippets.first_centre, snippets.step) == pytest.approx((0.1, 0.1))


SPANS = [(0.0, 4.0), (1.0, 2.5), (0.9, 1.1), (3.9, 4.0), (0.0, 9.0)]


@pytest.mark.parametrize("cache_frames", [False, True])
@pytest.mark.parametrize("span_sec", SPANS)
def test_a_span_gives_what_a_feature_store_gives(
    video: Path, tmp_path: Path, span_sec: tuple[float, float], cache_frames: bool
) -> None:
    folder = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader(), cache_frames=cache_frames)
    whole = folder.read("a").values.float().mean(dim=(2, 3, 4))
    store = NpyFeatureStore.create(tmp_path, CONTRACT)
    store.write("a", whole, duration_sec=folder.duration_sec("a"))
    pixels, features = folder.read("a", span_sec), store.read("a", span_sec)
    torch.testing.assert_close(pixels.values.float().mean(dim=(2, 3, 4)), features.values)
    assert (pixels.first_centre, pixels.step) == pytest.approx((features.first_centre, features.step))


def test_a_span_decodes_its_own_frames_only(video: Path) -> None:
    reader = CountingReader()
    VideoFolder({"a": video}, CONTRACT, reader=reader).read("a", (0.7, 1.3))
    assert reader.passes == [12]


def test_cached_frames_are_decoded_once(video: Path) -> None:
    reader = CountingReader()
    folder = VideoFolder({"a": video}, CONTRACT, reader=reader, cache_frames=True)
    first, second = folder.read("a", (1.0, 2.0)), folder.read("a", (1.0, 2.0))
    assert torch.equal(first.values, second.values)
    assert reader.passes == [40]


def test_a_video_shorter_than_a_clip_repeats_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "short.mp4", VideoSpec(num_frames=3, width=64, height=64))
    snippets = VideoFolder({"short": path}, CONTRACT).read("short")
    assert numbers(snippets.values) == [[0, 1, 2, 2, 2, 2, 2, 2]]
    assert (snippets.first_centre, snippets.step) == pytest.approx((0.4 / 0.3, 0.4 / 0.3))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    folder = VideoFolder({"broken": broken}, CONTRACT)
    with pytest.raises(VideoError, match=r"broken\.mp4: .*no video"):
        folder.read("broken")
    with pytest.raises(DataError, match="video 'absent' has no file; add it"):
        folder.read("absent")


def test_files_are_found_by_id(tmp_path: Path) -> None:
    for name in ("v_a.mp4", "v_b.MKV", "c.mp4", "v_d.txt"):
        (tmp_path / name).touch()
    assert find_videos(tmp_path, ["b", "c", "d", "a"], prefix="v_") == {
        "b": tmp_path / "v_b.MKV",
        "a": tmp_path / "v_a.mp4",
    }
    assert find_videos(tmp_path, ["c"]) == {"c": tmp_path / "c.mp4"}
    with pytest.raises(DataError, match="nowhere: no such folder of videos"):
        find_videos(tmp_path / "nowhere", ["a"])
