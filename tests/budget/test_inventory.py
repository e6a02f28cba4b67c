from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.budget.inventory import PartSize, take_inventory
from aher_lightning.datasets.video_availability import LeftOut
from aher_lightning.features.store import NpyFeatureStore
from tests.helpers.toy import CHANNELS, DURATION_SEC, ToyDataModule


def stored(folder: Path, names: list[str], **options: Any) -> ToyDataModule:
    """The toy data with features in files."""
    data = ToyDataModule(**options)
    store = NpyFeatureStore.create(folder, data.contract)
    for name in names:
        store.write(name, torch.ones(20, CHANNELS), DURATION_SEC)
    store.finalize()
    return StoredDataModule(features=store, **options)


class StoredDataModule(ToyDataModule):
    """The toy data, read from wherever it is told."""

    @property
    def source(self) -> NpyFeatureStore:
        assert isinstance(self.features, NpyFeatureStore)
        return self.features


def everything() -> list[str]:
    data = ToyDataModule()
    return [*data.videos, *(clip.video_id for clip in data.moment_clips())]


def test_complete_data_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    inventory = take_inventory(ToyDataModule(batch_size=4, eval_batch_size=3), num_processes=2)
    assert [(one.name, one.samples, one.per_iteration, one.iterations) for one in inventory.sizes] == [
        ("untrimmed", 6, 8, 1),
        ("foreground", 12, 8, 2),
        ("moments", 9, 8, 2),
        ("evaluation", 4, 6, 1),
    ]
    assert set(inventory.loaders) == {"untrimmed", "foreground", "moments"}
    assert inventory.problems == inventory.damaged == []
    assert not any(one.missing for one in inventory.left_out.values())
    assert caplog.text == ""


def test_the_first_batch_can_be_read_and_evaluation_left_out() -> None:
    inventory = take_inventory(ToyDataModule(batch_size=4), evaluates=False)
    assert [one.name for one in inventory.sizes] == ["untrimmed", "foreground", "moments"]
    assert len(inventory.loaders["moments"].peek(3).video_ids) == 3
    assert "videos of evaluation" not in inventory.left_out


def test_missing_and_damaged_features_are_named(tmp_path: Path) -> None:
    names = [name for name in everything() if name not in {"train0", "clap1", "clap2"}]
    data = stored(tmp_path / "features", names)
    (tmp_path / "features" / "train3.npy").unlink()
    inventory = take_inventory(data)
    assert inventory.left_out["videos of training"] == LeftOut(6, ["train0"], [])
    assert inventory.left_out["moments"] == LeftOut(9, ["clap1", "clap2"], [])
    assert inventory.damaged == ["train3"]
    assert inventory.absence.startswith("no features in")
    assert next(one for one in inventory.sizes if one.name == "moments") == PartSize("moments", 7, 4)


def test_every_part_without_anything_is_told(tmp_path: Path) -> None:
    moments = [clip.video_id for clip in ToyDataModule().moment_clips()]
    inventory = take_inventory(stored(tmp_path / "features", moments))
    assert list(inventory.loaders) == ["moments"]
    training, evaluation = inventory.problems
    assert training.startswith("none of the 6 videos of training can be used: no features in")
    assert evaluation.startswith("none of the 4 videos of evaluation")
    assert len(inventory.left_out["videos of training"].missing) == 6


def test_a_store_that_is_not_there_is_told_once(tmp_path: Path) -> None:
    inventory = take_inventory(StoredDataModule(features=NpyFeatureStore(tmp_path / "nowhere")))
    (problem,) = inventory.problems
    assert str(tmp_path / "nowhere") in problem
    assert (inventory.left_out, inventory.absence, inventory.sizes) == ({}, "", [])


def test_a_category_without_moments_is_told(tmp_path: Path) -> None:
    names = [name for name in everything() if not name.startswith("nod")]
    (problem,) = take_inventory(stored(tmp_path / "features", names)).problems
    assert problem.startswith("no trimmed clip for nod")
