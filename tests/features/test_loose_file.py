from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.errors import DataError
from aher_lightning.features.loose_file import LooseFile, open_feature_file
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract
from tests.helpers.published import write_manifest

CONTRACT = TemporalContract(fps=10.0, clip_length=8, snippet_stride=4, first_centre_frames=4.0)


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)


def saved(path: Path, values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)  # type: ignore[arg-type]
    return path


def test_a_file_alone_lasts_until_the_end_of_its_last_clip(tmp_path: Path, values: np.ndarray) -> None:
    store, name = open_feature_file(saved(tmp_path / "a.npy", values), CONTRACT)
    assert isinstance(store, LooseFile)
    assert (store.video_ids, store.contract) == (["a"], CONTRACT)
    assert store.duration_sec(name) == pytest.approx((4 + 5 * 4 + 4) / 10)
    whole = store.read(name)
    assert torch.equal(whole.values, torch.from_numpy(values))
    assert whole.first_centre == pytest.approx(0.4 / 2.8)
    # Centres at 0.4, 0.8, ..., 2.4 s: those of the span from 0.8 to 1.6 s.
    part = store.read(name, (0.8, 1.6))
    assert torch.equal(part.values, torch.from_numpy(values[1:4]))
    assert part.first_centre == pytest.approx(0.0)
    assert part.step == pytest.approx(0.5)


def test_a_manifest_beside_the_file_says_what_it_holds(tmp_path: Path, values: np.ndarray) -> None:
    contract = {"fps": 5, "clip_length": 4, "snippet_stride": 4, "first_centre_frames": 2}
    root = tmp_path / "published"
    write_manifest(root, "npy", channels=3, layout="CT", prefix="v_", contract=contract, durations_sec={"a": 4.8})
    store, name = open_feature_file(saved(root / "v_a.npy", values.T), CONTRACT)
    assert (name, store.duration_sec(name), store.contract.fps) == ("a", 4.8, 5.0)
    assert torch.equal(store.read(name).values, torch.from_numpy(values))


def test_a_file_of_an_extracted_store_keeps_its_contract(tmp_path: Path, values: np.ndarray) -> None:
    own = NpyFeatureStore.create(tmp_path / "own", CONTRACT)
    own.write("a", torch.from_numpy(values), 3.0)
    store, name = open_feature_file(tmp_path / "own" / "a.npy", TemporalContract(fps=1.0))
    assert (store.contract, store.duration_sec(name)) == (CONTRACT, 3.0)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (np.zeros((2, 3), dtype=np.int64), r"holds int64 \(2, 3\), not features; give floats of shape \(T, C\)"),
        (np.zeros(3), r"holds float64 \(3,\), not features"),
        (np.zeros((0, 3)), r"holds float64 \(0, 3\), not features"),
        (np.full((2, 3), np.nan), "not all of its values are finite"),
    ],
)
def test_other_content_is_refused_in_one_line(content: np.ndarray, match: str, tmp_path: Path) -> None:
    store, name = open_feature_file(saved(tmp_path / "a.npy", content), CONTRACT)
    with pytest.raises(DataError, match=match):
        store.read(name)


def test_a_missing_or_damaged_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such feature file; give floats"):
        LooseFile(tmp_path / "none.npy", CONTRACT).read("none")
    (tmp_path / "bad.npy").write_text("no array")
    with pytest.raises(DataError, match="is damaged"):
        LooseFile(tmp_path / "bad.npy", CONTRACT).duration_sec("bad")
