from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aher_lightning.errors import ConfigError, DataError
from aher_lightning.features import hdf5 as hdf5_store
from aher_lightning.features.hdf5 import Hdf5Store
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract
from tests.helpers.published import DURATION_SEC, toy_features, write_manifest

ROOT = Path(__file__).parents[2]

needs_h5py = pytest.mark.skipif(
    importlib.util.find_spec("h5py") is None, reason="h5py, the extra 'hdf5', is not installed"
)


def write_hdf5(root: Path, layout: str = "TC", key: str = "", **changes: object) -> Path:
    """Write both videos, each as a dataset or as a group with one."""
    import h5py

    write_manifest(root, "hdf5", layout=layout, prefix="v_", **{"key": key or None, **changes})
    with h5py.File(root / "features.h5", "w") as file:
        for name in ("a", "b"):
            values = toy_features(name) if layout == "TC" else toy_features(name).T
            file.create_dataset(f"v_{name}/{key}".rstrip("/"), data=values, chunks=(2, 2))
    return root


@needs_h5py
@pytest.mark.parametrize("layout", ["TC", "CT"])
@pytest.mark.parametrize("key", ["", "c3d_features", "rgb/pooled"])
def test_reads_as_our_own(tmp_path: Path, layout: str, key: str) -> None:
    own = NpyFeatureStore.create(tmp_path / "own", TemporalContract(fps=10.0))
    for name in ("a", "b"):
        own.write(name, torch.from_numpy(toy_features(name)), DURATION_SEC)
    store = Hdf5Store(write_hdf5(tmp_path / "others", layout, key))
    assert (store.video_ids, store.contract) == (own.video_ids, own.contract)
    for name in own.video_ids:
        for span_sec in (None, (2.0, 4.1), (1.3, 1.55), (30.0, 31.0)):
            read, wanted = store.read(name, span_sec), own.read(name, span_sec)
            assert torch.equal(read.values, wanted.values)
            assert read[1:] == wanted[1:]


@needs_h5py
@pytest.mark.slow
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_two_workers_read_what_one_process_reads(tmp_path: Path, context: str) -> None:
    root = write_hdf5(tmp_path)
    # In an interpreter of its own: the measurement of coverage ends forked workers with an error.
    command = [sys.executable, "-m", "tests.helpers.hdf5_workers", str(root), context]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stdout) == (0, "equal"), run.stderr


@needs_h5py
def test_a_file_stays_open_in_workers_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Hdf5Store(write_hdf5(tmp_path))
    opened = []
    open_file = Hdf5Store._open
    monkeypatch.setattr(Hdf5Store, "_open", lambda self: opened.append(1) or open_file(self))  # type: ignore[func-returns-value]
    for _ in range(3):
        store.read("a")
    assert len(opened) == 4  # once more for the list of videos
    monkeypatch.setattr(hdf5_store, "get_worker_info", lambda: "a worker")
    for _ in range(3):
        store.read("a")
    assert len(opened) == 5
    copy = pickle.loads(pickle.dumps(store))
    assert copy._opened is None
    assert torch.equal(copy.read("b").values, torch.from_numpy(toy_features("b")))
    for one in (store, copy):
        opened_file: Any = one._opened
        opened_file.close()


@needs_h5py
def test_what_is_not_there_or_is_elsewhere_is_refused(tmp_path: Path) -> None:
    import h5py

    outside = write_hdf5(tmp_path / "outside") / "features.h5"
    root = write_hdf5(tmp_path / "inside", key="rgb")
    with h5py.File(root / "features.h5", "a") as file:
        file["v_linked"] = h5py.ExternalLink(str(outside), "v_a")
        file["v_soft"] = h5py.SoftLink("/v_a/rgb")
        file["v_group/flow"] = np.zeros(3)
        layout = h5py.VirtualLayout((20, 3), np.float32)
        layout[:] = h5py.VirtualSource(outside, "v_a", (20, 3))
        file.create_virtual_dataset("v_virtual/rgb", layout)
        file["v_words/rgb"] = ["text"]
    names = ("linked", "soft", "group", "virtual", "words", "a")
    write_manifest(root, "hdf5", prefix="v_", key="rgb", durations_sec=dict.fromkeys(names, DURATION_SEC))
    store = Hdf5Store(root)
    faults = store.faults()
    assert faults.keys() == {*names} - {"a"}
    assert "has no 'v_linked'" in faults["linked"]
    assert "copy what is linked from elsewhere" in faults["soft"]
    assert "has no 'rgb'; it holds 'flow'; correct 'key'" in faults["group"]
    assert "is stored in other files; copy the values into this one" in faults["virtual"]
    assert "needs floats (T, 3)" in faults["words"]
    assert all(f"features.h5, 'v_{name}'" in fault and "\n" not in fault for name, fault in faults.items())
    write_manifest(root, "hdf5", prefix="v_", durations_sec={"a": DURATION_SEC})
    with pytest.raises(DataError, match="'v_a': is a group of 'rgb'; name one of them as 'key' in the manifest"):
        Hdf5Store(root).read("a")


@needs_h5py
def test_missing_videos_and_files_name_the_remedy(tmp_path: Path) -> None:
    root = write_hdf5(tmp_path, durations_sec={"a": 17.0, "c": 17.0})
    with pytest.raises(DataError, match=r"1 of 2 videos have no features \('c'\), the first was expected as 'v_c'"):
        Hdf5Store(root).read("a")
    assert Hdf5Store(root, skip_missing=True).video_ids == ["a"]
    (root / "features.h5").write_bytes(b"no such thing")
    with pytest.raises(DataError, match=r"features\.h5: cannot be opened \(.*\); give a readable HDF5 file"):
        Hdf5Store(root).read("a")
    (root / "features.h5").unlink()
    with pytest.raises(DataError, match=r"features\.h5: no such file; copy it there"):
        Hdf5Store(root).read("a")


@needs_h5py
def test_a_damaged_chunk_names_the_video(tmp_path: Path) -> None:
    import h5py

    write_manifest(tmp_path, "hdf5", durations_sec={"a": 17.0})
    with h5py.File(tmp_path / "features.h5", "w") as file:
        dataset: Any = file.create_dataset("a", data=toy_features("a"), chunks=(20, 3), fletcher32=True)
        offset = dataset.id.get_chunk_info(0).byte_offset
    content = bytearray((tmp_path / "features.h5").read_bytes())
    content[offset] ^= 1
    (tmp_path / "features.h5").write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"features\.h5, 'a': cannot be read \(.*\); fetch the file again"):
        Hdf5Store(tmp_path).read("a")


@pytest.mark.usefixtures("no_extras")
def test_without_h5py_the_extra_is_named(tmp_path: Path) -> None:
    write_manifest(tmp_path, "hdf5")
    assert Hdf5Store(tmp_path).contract.fps == 10.0
    with pytest.raises(ConfigError, match=r'HDF5 features needs .*: pip install "aher-lightning\[hdf5\]"'):
        Hdf5Store(tmp_path).read("a")
