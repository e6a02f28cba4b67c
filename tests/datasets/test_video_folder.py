from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from aher_lightning.datasets.video_folder import VideoFolder, find_same_stems, find_videos
from aher_lightning.errors import ConfigError, DataError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import Image
from tests.helpers.isolated_functions import process_id
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, read_numbers, write_video

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


@pytest.mark.parametrize("cache_frames", [False, True])
def test_clips_can_start_later(video: Path, cache_frames: bool) -> None:
    folder = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader(), cache_frames=cache_frames)
    later = folder.read_delayed("a", (1.0, 2.0), 3)
    assert numbers(later.values) == [list(range(start, start + 8)) for start in (7, 11, 15)]
    assert (later.first_centre, later.step) == pytest.approx((0.1, 0.4))
    assert len(folder.read("a").values) == 9
    assert len(folder.read_delayed("a", None, 1).values) == 8


@pytest.mark.parametrize("cache_frames", [False, True])
def test_clips_start_no_later_than_they_fit(tmp_path: Path, cache_frames: bool) -> None:
    short = write_video(tmp_path / "short.mp4", VideoSpec(num_frames=10, width=64, height=64))
    folder = VideoFolder({"a": short}, CONTRACT, reader=PyAVReader(), cache_frames=cache_frames)
    starts = [numbers(folder.read_delayed("a", None, delay).values)[0] for delay in range(4)]
    assert starts == [list(range(start, start + 8)) for start in (0, 1, 2, 2)]


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


@pytest.fixture(scope="module")
def isolated(video: Path) -> Iterator[VideoFolder]:
    """A folder that decodes in children; tests must not close it."""
    folder = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader(), time_limit_sec=60)
    yield folder
    folder.close()


@pytest.mark.parametrize("span_sec", [None, *SPANS])
def test_a_child_process_gives_the_same_to_the_bit(
    video: Path, isolated: VideoFolder, span_sec: tuple[float, float] | None
) -> None:
    here = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader()).read("a", span_sec)
    there = isolated.read("a", span_sec)
    assert torch.equal(there.values, here.values)
    assert (there.first_centre, there.step) == (here.first_centre, here.step)
    # Overlapping clips share their frames: bytes of frames 0 to 7, then 4 to 11.
    assert there.values.untyped_storage().nbytes() == here.values.untyped_storage().nbytes()


def outcome(folder: VideoFolder, video_id: str) -> tuple[bytes, str]:
    """Bytes of the clips of one second, or what is wrong with the file."""
    try:
        return folder.read(video_id, (0.5, 1.5)).values.numpy().tobytes(), ""
    except VideoError as error:
        return b"", str(error)


@needs_real_videos
@pytest.mark.real_data
@pytest.mark.parametrize("use_decord", [False, True])
@pytest.mark.parametrize("name", ["asl", "odd"])
def test_real_videos_are_the_same_to_the_bit(name: str, use_decord: bool) -> None:
    paths = {path.stem: path for path in sorted((REAL_VIDEOS / name).iterdir())[:: 1 if name == "odd" else 4]}
    here = VideoFolder(paths, CONTRACT, reader=PyAVReader())
    there = VideoFolder(paths, CONTRACT, reader=AutoReader(use_decord), time_limit_sec=60)
    for video_id in paths:
        assert outcome(there, video_id) == outcome(here, video_id)
    assert len(paths) > 3
    there.close()


def test_cached_frames_come_from_a_child_once(video: Path) -> None:
    folder = VideoFolder({"a": video}, CONTRACT, cache_frames=True, time_limit_sec=60)
    first = folder.read("a", (1.0, 2.0))
    folder.close()
    assert torch.equal(folder.read("a", (1.0, 2.0)).values, first.values)
    assert not folder.frames._children._idle


def test_errors_are_the_same_in_a_child(tmp_path: Path, isolated: VideoFolder) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    messages = []
    for time_limit_sec in (None, 60.0):
        folder = VideoFolder({"broken": broken}, CONTRACT, time_limit_sec=time_limit_sec)
        with pytest.raises(VideoError) as failure:
            folder.read("broken")
        messages.append(str(failure.value))
        folder.close()
    assert messages[0] == messages[1]
    with pytest.raises(DataError, match="video 'absent' has no file; add it"):
        isolated.read("absent")


def test_threads_decode_in_children_of_their_own(video: Path, isolated: VideoFolder) -> None:
    expected = VideoFolder({"a": video}, CONTRACT, reader=PyAVReader()).read("a").values
    with ThreadPoolExecutor(2) as executor:
        for snippets in executor.map(lambda _: isolated.read("a"), range(6)):
            assert torch.equal(snippets.values, expected)
    assert 1 <= len(isolated.frames._children._idle) <= 2


class ReadingDataset(Dataset[tuple[int, int, torch.Tensor]]):
    """Reads one video again and again; tells in which process and in which child."""

    def __init__(self, folder: VideoFolder) -> None:
        self.folder = folder

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[int, int, torch.Tensor]:
        child = self.folder.frames._call(process_id, path=self.folder.path("a"))
        return process_id(), child, self.folder.read("a").values.contiguous()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_loader_workers_have_children_of_their_own(video: Path, isolated: VideoFolder, start: str) -> None:
    expected = isolated.read("a").values
    own = isolated.frames._call(process_id, path=video)
    loader = DataLoader(ReadingDataset(isolated), batch_size=None, num_workers=2, multiprocessing_context=start)
    children: dict[int, set[int]] = {}
    for loading, child, values in loader:
        assert torch.equal(values, expected)
        children.setdefault(loading, set()).add(child)
    assert len(children) == 2
    assert all(len(of_one) == 1 for of_one in children.values())
    assert len({own}.union(*children.values())) == 3
    assert isolated.frames._call(process_id, path=video) == own


def test_a_copy_reads_the_same(isolated: VideoFolder) -> None:
    copy = pickle.loads(pickle.dumps(isolated))
    assert torch.equal(copy.read("a").values, isolated.read("a").values)
    copy.close()


@pytest.mark.parametrize("limit_sec", [0.0, -1.0, float("inf"), float("nan")])
def test_a_limit_must_be_positive(limit_sec: float) -> None:
    with pytest.raises(ConfigError, match=r"'time_limit_sec' is .* must be above 0; leave it out for no limit"):
        VideoFolder({}, CONTRACT, time_limit_sec=limit_sec)


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


def test_files_of_one_name_are_found(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.MKV", "a.txt", "b.mp4", "c.avi", "other/b.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    paths = {"one": tmp_path / "a.mp4", "two": tmp_path / "b.mp4", "three": tmp_path / "other" / "b.webm"}
    assert find_same_stems(paths) == {"one": [tmp_path / "a.MKV"]}
    assert find_same_stems({}) == {}
