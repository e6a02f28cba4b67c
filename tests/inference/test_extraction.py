from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from aher_lightning.datasets.unusable_videos import FailureRecords, UnusableVideo, read_unusable_videos
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import CheckpointError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.files.owners import Owner
from aher_lightning.inference.extraction import VIDEOS_AHEAD, ClipEncoder, FeatureExtraction, load_public_weights
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.base import CLIPS_AT_ONCE
from aher_lightning.structures import SnippetSequence
from tests.files.test_owners import dead_owner
from tests.helpers.broken_readers import BrokenReader
from tests.helpers.toy import MeanBackbone
from tests.helpers.training import small_contract
from tests.helpers.videos import VideoSpec, write_video

FORK = multiprocessing.get_context("fork")
IDS = [f"v_{number:02d}" for number in range(12)]
CONTRACT = small_contract()
DONE = {"manifest.json", *(f"{video_id}.npy" for video_id in IDS)}


class ToyFolder(VideoFolder):
    """Random clips in place of decoded ones, the same for a video in every call, and more for later videos."""

    def __init__(self, *, frames: int = 4, pixels: int = 6, clips: int = 3) -> None:
        super().__init__({video_id: Path(f"{video_id}.mp4") for video_id in IDS}, CONTRACT)
        self.shape = (3, frames, pixels, pixels)
        self.clips = clips
        self.broken: set[str] = set()
        self.reads: list[str] = []
        self.before: Callable[[str], None] = lambda _: None

    def duration_sec(self, video_id: str) -> float:
        return 1.0 + IDS.index(video_id)

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        assert span_sec is None
        self.reads.append(video_id)
        self.before(video_id)
        if video_id in self.broken:
            raise VideoError(f"{video_id}.mp4: is damaged; mend it")
        number = IDS.index(video_id)
        generator = torch.Generator().manual_seed(number)
        count = self.clips + number * self.clips // 2
        return SnippetSequence(
            torch.randint(0, 256, (count, *self.shape), dtype=torch.uint8, generator=generator), 0.1, 0.1
        )


def mean_features(clips: Tensor) -> Tensor:
    return clips.float().mean(dim=(2, 3, 4))


def extraction(root: Path, folder: VideoFolder | None = None, **options: Any) -> FeatureExtraction:
    store = NpyFeatureStore.create(root, CONTRACT)
    return FeatureExtraction(store=store, folder=folder or ToyFolder(), **({"encode": mean_features} | options))


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def contents(root: Path) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in files(root)}


def test_nothing_but_features_and_manifest_remains(tmp_path: Path) -> None:
    seen: list[str] = []
    result = extraction(tmp_path).run(IDS, seen.append)
    assert result == (12, [], 0, 0)
    assert sorted(seen) == IDS
    assert files(tmp_path) == DONE
    assert NpyFeatureStore(tmp_path).verify() == []
    again = ToyFolder()
    assert extraction(tmp_path, again).run([]) == (0, [], 0, 0)
    assert again.reads == []


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_features_do_not_depend_on_the_number_of_workers(tmp_path: Path, dtype: Literal["float16", "float32"]) -> None:
    torch.manual_seed(0)
    backbone = P3D(blocks=(1, 1, 1, 1), width=4).eval()
    encode = ClipEncoder(backbone, CONTRACT, torch.device("cpu"))
    folder = ToyFolder(frames=16, pixels=16, clips=CLIPS_AT_ONCE // 4)  # up to two parts per video, unequal ones
    for num_workers in (1, 3):
        root = tmp_path / str(num_workers)
        extraction(root, folder, encode=encode, num_workers=num_workers, dtype=dtype).run(IDS)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    # One video alone, last in line: what else is extracted does not matter either.
    extraction(tmp_path / "alone", folder, encode=encode, dtype=dtype).run(IDS[-1:])
    assert (tmp_path / "alone" / "v_11.npy").read_bytes() == (tmp_path / "1" / "v_11.npy").read_bytes()


def test_an_encoder_normalizes_and_gives_what_the_backbone_gives() -> None:
    torch.manual_seed(0)
    backbone = MeanBackbone().eval()
    clips = torch.randint(0, 256, (CLIPS_AT_ONCE + 1, 3, 4, 6, 6), dtype=torch.uint8)
    features = ClipEncoder(backbone, CONTRACT, torch.device("cpu"))(clips)
    mean, std = torch.tensor(CONTRACT.mean), torch.tensor(CONTRACT.std)
    colours = (clips.float().mean(dim=(2, 3, 4)) / 255 - mean) / std
    torch.testing.assert_close(features, backbone.linear(colours).detach())
    assert not features.requires_grad


def test_no_more_videos_wait_than_told(tmp_path: Path) -> None:
    held: list[int] = []
    claims = tmp_path / "claims"

    def encode(clips: Tensor) -> Tensor:
        time.sleep(0.01)  # slower than decoding
        held.append(len(list(claims.iterdir())))
        return mean_features(clips)

    extraction(tmp_path, encode=encode, num_workers=3).run(IDS)
    assert max(held) == 3 + VIDEOS_AHEAD  # the one that is encoded among them


def test_videos_are_decoded_at_the_same_time(tmp_path: Path) -> None:
    folder = ToyFolder()
    barrier = threading.Barrier(3, timeout=60)
    folder.before = lambda _: (barrier.wait(), None)[1]
    assert extraction(tmp_path, folder, num_workers=3).run(IDS).written == 12


def test_a_failing_video_costs_one_video(tmp_path: Path) -> None:
    folder = ToyFolder()
    folder.broken = {"v_03", "v_07"}
    result = extraction(tmp_path, folder, num_workers=2).run(IDS)
    expected = [UnusableVideo(name, f"{name}.mp4", "is damaged; mend it") for name in ("v_03", "v_07")]
    assert result == (10, expected, 0, 0)
    assert read_unusable_videos(tmp_path / "failures.json") == expected
    assert files(tmp_path) == (DONE | {"failures.json"}) - {"v_03.npy", "v_07.npy"}
    folder.reads.clear()
    missing = ["v_03", "v_07"]
    assert extraction(tmp_path, folder, retry_failed=False).run(missing) == (0, [], 2, 0)
    assert folder.reads == []
    folder.broken = {"v_07"}
    assert extraction(tmp_path, folder).run(missing) == (1, expected[1:], 0, 0)
    assert read_unusable_videos(tmp_path / "failures.json") == expected[1:]


def test_what_a_killed_process_has_left_anywhere_is_cleared_away(tmp_path: Path) -> None:
    store = NpyFeatureStore.create(tmp_path, CONTRACT)
    owner = dead_owner()
    for folder in ("", "entries", "claims", "failures"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f".{owner}.00000000.tmp").touch()
    for name in ("manifest.lock", "failures.lock", "claims/v_99"):
        (tmp_path / name).write_text(str(owner))
    assert extraction(tmp_path).run(store.missing(IDS)).written == 12
    assert files(tmp_path) == DONE | {"failures.json"}


def test_features_that_cannot_be_stored_cost_one_video(tmp_path: Path) -> None:
    large = extraction(tmp_path, encode=lambda clips: mean_features(clips) * 1e6, dtype="float16").run(IDS[:1])
    assert "has features that float16 cannot hold; store them with --dtype float32" in large.failures[0].reason
    wrong = extraction(tmp_path, encode=lambda clips: mean_features(clips) * float("nan")).run(IDS[:1])
    assert "has features that float32 cannot hold; check the weights" in wrong.failures[0].reason
    assert extraction(tmp_path).run(IDS[:1]).written == 1


def test_an_error_that_no_video_is_to_blame_for_ends_the_run_and_frees_the_claims(tmp_path: Path) -> None:
    def fail(_: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        extraction(tmp_path, encode=fail, num_workers=2).run(IDS)
    assert list((tmp_path / "claims").iterdir()) == []
    assert extraction(tmp_path).run(IDS).written == 12


def test_an_interrupted_run_waits_for_no_decoder(tmp_path: Path) -> None:
    paths = {name: write_video(tmp_path / f"{name}.mp4", VideoSpec(num_frames=8)) for name in ("a", "hang_decode")}
    folder = VideoFolder(paths, CONTRACT, reader=BrokenReader(), time_limit_sec=600.0)

    def interrupt(_: Tensor) -> Tensor:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        extraction(tmp_path / "store", folder, encode=interrupt, num_workers=2).run(list(paths))
    assert time.monotonic() - started < 300  # starting processes takes some seconds, the limit of the decoder more
    folder.close()


# Several processes


def test_what_others_work_on_is_left_to_them(tmp_path: Path) -> None:
    elsewhere = Owner("elsewhere-00000000", 1, 1, "0" * 8)
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "v_05").write_text(str(elsewhere))
    folder = ToyFolder()
    assert extraction(tmp_path, folder).run(IDS) == (11, [], 0, 1)
    assert "v_05" not in folder.reads
    assert files(tmp_path) == (DONE | {"claims/v_05"}) - {"v_05.npy"}
    # After a while without a sign of life.
    os.utime(tmp_path / "claims" / "v_05", (0, 0))
    assert extraction(tmp_path, folder).run(["v_05"]) == (1, [], 0, 0)
    assert files(tmp_path) == DONE


def test_what_others_finish_or_give_up_on_meanwhile_is_not_done_again(tmp_path: Path) -> None:
    folder = ToyFolder()
    other = NpyFeatureStore.create(tmp_path, CONTRACT)
    failure = UnusableVideo("v_11", "v_11.mp4", "is damaged")

    def overtake(video_id: str) -> None:
        if video_id == "v_00":
            other.write("v_10", torch.ones(2, 3), duration_sec=11.0)
            FailureRecords(tmp_path).note(failure)

    folder.before = overtake
    seen: list[str] = []
    result = extraction(tmp_path, folder).run(IDS, seen.append)
    assert result == (10, [failure], 0, 0)
    assert {"v_10", "v_11"}.isdisjoint(folder.reads)
    assert sorted(seen) == IDS
    assert other.verify() == []


def test_the_work_of_a_process_that_dies_meanwhile_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    claim = tmp_path / "claims" / "v_00"
    claim.write_text(str(Owner("elsewhere-00000000", 1, 1, "0" * 8)))
    folder = ToyFolder()
    folder.before = lambda video_id: os.utime(claim, (0, 0)) if video_id == "v_11" and claim.exists() else None
    assert extraction(tmp_path, folder).run(IDS) == (12, [], 0, 0)
    assert files(tmp_path) == DONE


def _extract_slowly(root: Path) -> None:
    torch.set_num_threads(1)
    folder = ToyFolder()
    folder.before = lambda _: time.sleep(0.02)
    extraction(root, folder, num_workers=2).run(IDS)


@pytest.mark.slow
def test_several_processes_share_the_work(tmp_path: Path) -> None:
    processes = [FORK.Process(target=_extract_slowly, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert files(tmp_path) == DONE
    assert NpyFeatureStore(tmp_path).verify() == []


@pytest.mark.slow
@pytest.mark.parametrize("num_stored", [0, 3, 8])
def test_after_a_kill_the_next_run_leaves_the_same_bytes(tmp_path: Path, num_stored: int) -> None:
    extraction(tmp_path / "whole").run(IDS)
    root = tmp_path / "killed"
    process = FORK.Process(target=_extract_slowly, args=(root,))
    process.start()
    deadline = time.monotonic() + 120
    while len(list((root / "claims").glob("v_*"))) + len(list(root.glob("*.npy"))) <= num_stored:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert list((root / "claims").iterdir())
    store = NpyFeatureStore.create(root, CONTRACT)
    missing = store.missing(IDS)
    assert extraction(root).run(missing).written == len(missing)
    assert contents(root) == contents(tmp_path / "whole")


# Public weights


def test_a_backbone_with_public_weights(tmp_path: Path) -> None:
    given, wanted = P3D(blocks=(1, 1, 1, 1), width=2), P3D(blocks=(1, 1, 1, 1), width=2)
    torch.save(wanted.state_dict(), tmp_path / "weights.pth")
    loaded = load_public_weights(given.train(), tmp_path / "weights.pth")
    assert loaded is given
    assert not loaded.training
    assert all(torch.equal(value, wanted.state_dict()[name]) for name, value in loaded.state_dict().items())
    with pytest.raises(CheckpointError, match="MeanBackbone reads no public weights; use P3D"):
        load_public_weights(MeanBackbone(), tmp_path / "weights.pth")
