import multiprocessing
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch

from aher_lightning.errors import ContractError, DataError
from aher_lightning.features import arrays
from aher_lightning.features import store as store_module
from aher_lightning.features.store import FeatureStore, NpyFeatureStore
from aher_lightning.video.contract import TemporalContract

# Centres at 0.8, 1.6, 2.4, ... seconds.
CONTRACT = TemporalContract(fps=10.0, backbone="P3D", reader="AutoReader")
FEATURES = torch.arange(60, dtype=torch.float32).reshape(20, 3)


@pytest.fixture
def store(tmp_path: Path) -> NpyFeatureStore:
    store = NpyFeatureStore.create(tmp_path / "store", CONTRACT)
    store.write("a", FEATURES, duration_sec=17.0)
    return store


def test_a_whole_video(store: NpyFeatureStore) -> None:
    snippets = store.read("a")
    assert torch.equal(snippets.values, FEATURES)
    assert snippets.first_centre == pytest.approx(0.8 / 17)
    assert snippets.step == pytest.approx(0.8 / 17)
    assert store.duration_sec("a") == 17.0
    assert isinstance(store, FeatureStore)


@pytest.mark.parametrize(
    ("span_sec", "positions"),
    [
        ((0.0, 17.0), range(20)),
        ((2.0, 4.1), range(2, 5)),
        ((0.81, 1.5), range(1)),
        ((1.3, 1.55), range(1, 2)),
        ((0.0, 0.1), range(1)),
        ((16.5, 17.0), range(19, 20)),
        ((30.0, 31.0), range(19, 20)),
    ],
)
def test_a_span_gives_the_snippets_in_it_or_the_nearest(
    store: NpyFeatureStore, span_sec: tuple[float, float], positions: range
) -> None:
    snippets = store.read("a", span_sec)
    assert torch.equal(snippets.values, FEATURES[positions.start : positions.stop])
    start_sec, end_sec = span_sec
    centre_sec = start_sec + snippets.first_centre * (end_sec - start_sec)
    assert centre_sec == pytest.approx(0.8 + 0.8 * positions.start)
    assert snippets.step * (end_sec - start_sec) == pytest.approx(0.8)


def test_a_span_must_have_a_length(store: NpyFeatureStore) -> None:
    with pytest.raises(ValueError, match=r"a span must end after it starts, but is \(2\.0, 2\.0\)"):
        store.read("a", (2.0, 2.0))


def test_a_span_reads_its_own_bytes_only(store: NpyFeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    sliced = []
    map_array = arrays.map_array

    class Watched:
        def __init__(self, array: npt.NDArray[np.floating]) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, key: slice) -> npt.NDArray[np.floating]:
            sliced.append(key)
            return self.array[key]

    monkeypatch.setattr(store_module, "map_array", lambda path: Watched(map_array(path)))
    store.read("a", (2.0, 4.1))
    assert sliced == [slice(2, 5)]


def test_half_precision_is_stored_small_and_read_as_single(store: NpyFeatureStore) -> None:
    store.write("single", FEATURES.repeat(50, 1), 17.0)
    store.write("half", FEATURES.repeat(50, 1), 17.0, dtype="float16")
    sizes = [(store.root / f"{name}.npy").stat().st_size for name in ("single", "half")]
    assert sizes[0] > 1.9 * sizes[1]
    values = store.read("half").values
    assert values.dtype == torch.float32
    assert torch.equal(values, FEATURES.repeat(50, 1))


def test_what_was_read_can_be_changed_without_changing_the_store(store: NpyFeatureStore) -> None:
    store.read("a").values.zero_()
    assert torch.equal(store.read("a").values, FEATURES)


def test_the_contract_is_checked_on_opening(store: NpyFeatureStore) -> None:
    assert NpyFeatureStore(store.root).contract == CONTRACT
    assert NpyFeatureStore(store.root, expected=replace(CONTRACT, backbone="", reader="")).video_ids == ["a"]
    with pytest.raises(ContractError, match="snippet_stride is 4 here and 8 there"):
        NpyFeatureStore(store.root, expected=replace(CONTRACT, snippet_stride=4)).read("a")
    with pytest.raises(ContractError, match="backbone is 'SmallP3D' now and 'P3D' in "):
        NpyFeatureStore.create(store.root, replace(CONTRACT, backbone="SmallP3D"))


def test_missing_stores_and_videos_name_the_remedy(store: NpyFeatureStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no feature store .*; create one with 'aher extract'"):
        _ = NpyFeatureStore(tmp_path / "nowhere").contract
    with pytest.raises(DataError, match="no features of video 'b' among 1; extract them, or remove the video"):
        store.read("b")


def test_resuming_writes_what_is_missing(store: NpyFeatureStore) -> None:
    (store.root / ".123.tmp").write_bytes(b"left by a killed process")
    assert store.missing(["c", "a", "b", "c"]) == ["c", "b"]
    store.write("b", FEATURES, 17.0)
    assert NpyFeatureStore.create(store.root, CONTRACT).missing(["a", "b", "c"]) == ["c"]
    # A file without its record comes from a process killed in between.
    np.save(store.root / "c.npy", FEATURES.numpy())
    assert NpyFeatureStore(store.root).missing(["c"]) == ["c"]


def test_finalizing_leaves_one_manifest(store: NpyFeatureStore) -> None:
    store.write("b", FEATURES, 17.0)
    store.finalize()
    store.finalize()
    assert {path.name for path in store.root.iterdir()} == {"a.npy", "b.npy", "entries", "manifest.json"}
    assert list((store.root / "entries").iterdir()) == []
    assert NpyFeatureStore(store.root).video_ids == ["a", "b"]


def test_other_processes_are_seen_after_refreshing(store: NpyFeatureStore) -> None:
    NpyFeatureStore(store.root).write("b", FEATURES, 17.0)
    assert store.video_ids == ["a"]
    store.refresh()
    assert store.video_ids == ["a", "b"]


def test_lost_cut_and_changed_files_are_found(store: NpyFeatureStore) -> None:
    for name in ("lost", "cut", "changed"):
        store.write(name, FEATURES, 17.0)
    (store.root / "lost.npy").unlink()
    cut, changed = store.root / "cut.npy", store.root / "changed.npy"
    cut.write_bytes(cut.read_bytes()[:-7])
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.write_bytes(bytes(content))
    assert store.verify() == ["changed", "cut", "lost"]
    assert store.missing(["a", "lost", "cut"]) == ["lost", "cut"]
    with pytest.raises(DataError, match=r"lost\.npy: no such feature file; restore the file, or extract"):
        store.read("lost")
    with pytest.raises(DataError, match=r"cut\.npy: is damaged"):
        store.read("cut")


def test_a_file_of_another_shape_is_refused(store: NpyFeatureStore) -> None:
    np.save(store.root / "a.npy", np.zeros((4, 3), dtype=np.float32))
    with pytest.raises(DataError, match=r"a\.npy: float32 \(4, 3\) differs from the manifest"):
        store.read("a")


@pytest.mark.parametrize("video_id", ["../outside", "a/b", "..", "", "x" * 300, "a\nb"])
def test_ids_never_leave_the_folder(store: NpyFeatureStore, tmp_path: Path, video_id: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="is no plain file name"):
        store.write(video_id, FEATURES, 17.0)
    with pytest.raises(DataError, match="is no plain file name"):
        store.missing([video_id])
    with pytest.raises(DataError, match="no features of video"):
        store.read(video_id)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("features", "dtype"),
    [
        (torch.zeros(0, 3), "float32"),
        (torch.zeros(3), "float32"),
        (torch.full((2, 3), float("nan")), "float32"),
        (torch.full((2, 3), 1e6), "float16"),
    ],
)
def test_useless_features_are_not_stored(
    store: NpyFeatureStore, features: torch.Tensor, dtype: Literal["float16", "float32"]
) -> None:
    with pytest.raises(ValueError, match="features of 'b' must be finite and"):
        store.write("b", features, 17.0, dtype=dtype)
    assert store.missing(["b"]) == ["b"]
    assert not (store.root / "b.npy").exists()


def write_many(root: Path, first: int, count: int) -> None:
    store = NpyFeatureStore.create(root, CONTRACT)
    for number in range(first, first + count):
        store.write(f"video{number}", torch.full((3, 2), float(number)), 4.0)
        if number % 5 == 0:
            store.finalize()
    store.finalize()


def write_until_killed(root: Path) -> None:
    store = NpyFeatureStore.create(root, CONTRACT)
    for number in range(10**6):
        store.write(f"video{number}", torch.full((200, 64), float(number)), 4.0)


def test_several_processes_write_and_merge_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    # The ranges overlap: two processes may write the same video.
    workers = [context.Process(target=write_many, args=(tmp_path, first, 20)) for first in (0, 15, 30)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    store = NpyFeatureStore(tmp_path)
    assert len(store.video_ids) == 50
    assert store.verify() == []
    assert all(store.read(f"video{number}").values.eq(number).all() for number in range(50))


def test_a_killed_process_leaves_a_store_to_go_on_with(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=write_until_killed, args=(tmp_path,))
    worker.start()
    deadline = time.monotonic() + 60
    while len(list(Path(tmp_path).glob("*.npy"))) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join(timeout=30)
    store = NpyFeatureStore.create(tmp_path, CONTRACT)
    assert len(store.video_ids) >= 4
    assert store.verify() == []
    store.finalize()
    assert store.missing(store.video_ids) == []


def test_a_video_is_there_once_another_process_has_written_it(store: NpyFeatureStore) -> None:
    assert store.has("a")
    assert not store.has("b")
    NpyFeatureStore(store.root).write("b", FEATURES, 17.0)
    assert store.has("b")
    (store.root / "b.npy").unlink()
    assert not store.has("b")
    with pytest.raises(DataError, match="is no plain file name"):
        store.has("../a")


def test_finalizing_waits_for_another_process_as_long_as_told(store: NpyFeatureStore) -> None:
    lock = store.root / "manifest.lock"
    lock.touch()
    store.finalize(patience_sec=0.1)
    assert len(list((store.root / "entries").iterdir())) == 1
    timer = threading.Timer(0.1, lock.unlink)
    timer.start()
    store.finalize(patience_sec=20.0)
    timer.join()
    assert list((store.root / "entries").iterdir()) == []
