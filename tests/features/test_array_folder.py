from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from aher_lightning.errors import DataError
from aher_lightning.features import array_folder, arrays
from aher_lightning.features.array_folder import ArrayFolderStore, RecentArrays
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract
from tests.helpers.published import DURATION_SEC, toy_features, write_array_file, write_manifest

ARRAYS = {name: np.full(10, number, dtype=np.float32) for number, name in enumerate("abc")}  # 40 bytes each

SPANS = [None, (0.0, 17.0), (2.0, 4.1), (1.3, 1.55), (16.5, 17.0), (30.0, 31.0)]


def write_folder(root: Path, kind: str, layout: str = "TC", key: str = "", **changes: object) -> None:
    """Write both videos in a layout."""
    write_manifest(root, kind, layout=layout, prefix="v_", suffix="-x", **{"key": key or None, **changes})
    for name in ("a", "b"):
        values = toy_features(name) if layout == "TC" else toy_features(name).T
        write_array_file(root / f"v_{name}-x.{kind}", values, key)


@pytest.mark.parametrize("layout", ["TC", "CT"])
@pytest.mark.parametrize(("kind", "key"), [("npy", ""), ("npz", ""), ("npz", "feats"), ("pt", ""), ("pt", "feats")])
def test_every_layout_reads_as_our_own(tmp_path: Path, kind: str, layout: str, key: str) -> None:
    own = NpyFeatureStore.create(tmp_path / "own", TemporalContract(fps=10.0))
    for name in ("a", "b"):
        own.write(name, torch.from_numpy(toy_features(name)), DURATION_SEC)
    write_folder(tmp_path / "others", kind, layout, key)
    store = ArrayFolderStore(tmp_path / "others")
    assert (store.video_ids, store.contract) == (own.video_ids, own.contract)
    for name in own.video_ids:
        for span_sec in SPANS:
            read, wanted = store.read(name, span_sec), own.read(name, span_sec)
            assert read.values.dtype == torch.float32
            assert torch.equal(read.values, wanted.values)
            assert read[1:] == wanted[1:]


@pytest.mark.parametrize("layout", ["TC", "CT"])
def test_a_span_of_npy_reads_its_own_bytes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str) -> None:
    write_folder(tmp_path, "npy", layout)
    sliced = []

    class Watched:
        def __init__(self, array: npt.NDArray[np.floating]) -> None:
            self.array, self.shape, self.dtype = array, array.shape, array.dtype
            assert isinstance(array, np.memmap)

        def __getitem__(self, key: slice | tuple[slice, slice]) -> npt.NDArray[np.floating]:
            sliced.append(key)
            return self.array[key]

    monkeypatch.setattr(array_folder, "map_array", lambda path, remedy: Watched(arrays.map_array(path, remedy)))
    ArrayFolderStore(tmp_path).read("a", (2.0, 4.1))
    assert sliced == [slice(2, 5) if layout == "TC" else (slice(None), slice(2, 5))]


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.dtype(">f4")])
def test_all_floats_become_single(tmp_path: Path, dtype: npt.DTypeLike) -> None:
    write_folder(tmp_path, "npy")
    np.save(tmp_path / "v_a-x.npy", toy_features("a").astype(dtype))
    values = ArrayFolderStore(tmp_path).read("a").values
    assert values.dtype == torch.float32
    assert torch.allclose(values, torch.from_numpy(toy_features("a")), atol=1e-3)


def test_brain_floats_become_single(tmp_path: Path) -> None:
    write_folder(tmp_path, "pt")
    torch.save(torch.from_numpy(toy_features("a")).bfloat16().requires_grad_(), tmp_path / "v_a-x.pt")
    values = ArrayFolderStore(tmp_path).read("a").values
    assert values.dtype == torch.float32
    assert not values.requires_grad
    assert torch.equal(values, torch.from_numpy(toy_features("a")).bfloat16().float())


def test_what_was_read_can_be_changed_without_changing_the_store(tmp_path: Path) -> None:
    write_folder(tmp_path, "pt")
    store = ArrayFolderStore(tmp_path)
    store.read("a").values.zero_()
    assert torch.equal(store.read("a").values, torch.from_numpy(toy_features("a")))


def test_archives_are_read_once_while_they_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, "npz")
    opened = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda path, **options: opened.append(path) or load(path, **options))  # type: ignore[func-returns-value]
    for cache_mib, count in ((1, 1), (0, 3)):
        opened.clear()
        store = ArrayFolderStore(tmp_path, cache_mib=cache_mib)
        for _ in range(3):
            store.read("a", (2.0, 4.0))
        assert len(opened) == count


class Payload:
    """An object whose unpickling would leave a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.trace,)


def test_pickled_payloads_are_refused_and_never_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    objects = np.array([Payload(trace)], dtype=object)
    for kind, match in (
        ("npy", r"v_a-x\.npy: is damaged .*Python objects"),
        ("npz", r"v_a-x\.npz: cannot be read .*allow_pickle=False"),
        ("pt", r"v_a-x\.pt: holds no plain tensors \(Python objects are not loaded\); fetch it again, or save"),
    ):
        root = tmp_path / kind
        write_folder(root, kind)
        path = root / f"v_a-x.{kind}"
        if kind == "npy":
            np.save(path, objects, allow_pickle=True)
        elif kind == "npz":
            np.savez(path, arr_0=objects)
        else:
            torch.save({"feats": Payload(trace)}, path)
        with pytest.raises(DataError, match=match) as caught:
            ArrayFolderStore(root).read("a")
        assert "\n" not in str(caught.value)
    (tmp_path / "pt" / "v_a-x.pt").write_bytes(pickle.dumps(Payload(trace), protocol=2))
    with pytest.raises(DataError, match="holds no plain tensors"):
        ArrayFolderStore(tmp_path / "pt").read("a")
    assert not trace.exists()


def test_files_never_lie_outside_the_folder(tmp_path: Path) -> None:
    np.save(tmp_path / "outside.npy", toy_features("a"))
    root = tmp_path / "features"
    write_folder(root, "npy")
    for video_id in ("../outside", "/etc/passwd", ".."):
        with pytest.raises(DataError, match="is not among the 2 with features and a duration"):
            ArrayFolderStore(root).read(video_id)
        write_manifest(root, "npy", durations_sec={video_id: 17.0})
        with pytest.raises(DataError, match="is no plain file name"):
            ArrayFolderStore(root).read(video_id)
        write_folder(root, "npy")
    write_manifest(root, "npy", prefix="../", durations_sec={"outside": 17.0})
    with pytest.raises(DataError, match="prefix must be text without path separators"):
        ArrayFolderStore(root).read("outside")


def test_keys_are_named_where_there_are_several(tmp_path: Path) -> None:
    write_folder(tmp_path, "npz")
    np.savez(tmp_path / "v_a-x.npz", rgb=toy_features("a"), flow=toy_features("b"))
    with pytest.raises(DataError, match=r"v_a-x\.npz: holds 'rgb', 'flow'; name one of them as 'key' in the manifest"):
        ArrayFolderStore(tmp_path).read("a")
    write_folder(tmp_path / "pt", "pt", key="flow")
    torch.save({"rgb": torch.zeros(20, 3)}, tmp_path / "pt" / "v_a-x.pt")
    with pytest.raises(DataError, match=r"v_a-x\.pt: holds 'rgb'; name one of them"):
        ArrayFolderStore(tmp_path / "pt").read("a")
    torch.save(torch.zeros(20, 3), tmp_path / "pt" / "v_a-x.pt")
    with pytest.raises(DataError, match="is not a dictionary with the key 'flow'; leave 'key' out"):
        ArrayFolderStore(tmp_path / "pt").read("a")
    torch.save({"flow": [1.0]}, tmp_path / "pt" / "v_a-x.pt")
    with pytest.raises(DataError, match="holds a list where a tensor is expected"):
        ArrayFolderStore(tmp_path / "pt").read("a")


@pytest.mark.parametrize("kind", ["npz", "pt"])
def test_damaged_and_lost_files_get_one_line(tmp_path: Path, kind: str) -> None:
    write_folder(tmp_path, kind)
    path = tmp_path / f"v_a-x.{kind}"
    store = ArrayFolderStore(tmp_path)
    assert store.video_ids == ["a", "b"]
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=f"v_a-x.{kind}: ") as caught:
        store.read("a")
    assert "\n" not in str(caught.value)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="fetch the file again"):
        store.read("a")
    path.unlink()
    with pytest.raises(DataError, match=r"cannot be read .*No such file"):
        store.read("a")


def test_an_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, "npz")
    np.save(tmp_path / "plain.npy", toy_features("a"))
    (tmp_path / "plain.npy").rename(tmp_path / "v_a-x.npz")
    with pytest.raises(DataError, match="is a single array, not an archive; set format to npy"):
        ArrayFolderStore(tmp_path).read("a")


def test_a_store_can_be_sent_to_another_process(tmp_path: Path) -> None:
    write_folder(tmp_path, "npz")
    store = ArrayFolderStore(tmp_path)
    wanted = store.read("a").values
    assert torch.equal(pickle.loads(pickle.dumps(store)).read("a").values, wanted)


def fetch(recent: RecentArrays, names: str, read: list[str]) -> None:
    """Get arrays one after another, noting which are read."""
    for name in names:
        array = ARRAYS[name]

        def load(
            name: str = name, array: np.ndarray[tuple[int], np.dtype[np.float32]] = array
        ) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
            read.append(name)
            return array

        assert recent.get(Path(name), load) is array


def test_what_was_used_last_stays() -> None:
    recent, read = RecentArrays(80), list[str]()
    fetch(recent, "abab", read)
    assert read == ["a", "b"]
    fetch(recent, "aca", read)  # b was used before a, so c takes the place of b
    assert read == ["a", "b", "c"]
    fetch(recent, "b", read)
    assert read == ["a", "b", "c", "b"]
    assert recent.num_bytes == 80


def test_nothing_above_the_bound_is_kept() -> None:
    recent, read = RecentArrays(39), list[str]()
    fetch(recent, "aa", read)
    assert read == ["a", "a"]
    assert recent.num_bytes == 0


def test_another_process_starts_empty() -> None:
    recent, read = RecentArrays(1000), list[str]()
    fetch(recent, "ab", read)
    copy = pickle.loads(pickle.dumps(recent))
    assert (copy.max_bytes, copy.num_bytes) == (1000, 0)
    assert recent.num_bytes == 80
