from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from aher_lightning.commands.extract import extract
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.datasets.feature_store import NpyFeatureStore
from aher_lightning.errors import CheckpointError, ContractError, VideoError
from aher_lightning.models.fingerprint import fingerprint
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import small_contract


def data_module(root: Path, fps: float = 10.0) -> RenderedDataModule:
    contract = small_contract()
    return RenderedDataModule(root, contract=type(contract)(**{**contract.to_dict(), "fps": fps}))  # type: ignore[arg-type]


def test_features_of_every_video_are_stored(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    data = data_module(tiny_benchmark)
    store = NpyFeatureStore(extract(data, checkpoint, tmp_path / "features"))
    folder = data.video_folder()
    assert store.video_ids == sorted(folder.video_ids)
    assert store.verify() == []
    with torch.no_grad():
        expected = module.eval().snippet_features(folder.read("am_val_00000").values)
    torch.testing.assert_close(store.read("am_val_00000").values, expected)
    assert store.duration_sec("am_val_00000") == pytest.approx(folder.duration_sec("am_val_00000"))
    total = len(folder.video_ids)
    assert f"Extracting features: {total}/{total} videos" in capsys.readouterr().out


def test_the_contract_says_who_extracted(tiny_benchmark: Path, tmp_path: Path) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    contract = NpyFeatureStore(extract(data_module(tiny_benchmark), checkpoint, tmp_path / "features")).contract
    assert (contract.backbone, contract.weights_sha256) == ("MeanBackbone", fingerprint(module.backbone))
    assert contract.reader == "AutoReader"
    assert contract.reader_version
    small_contract().check_compatible(contract, ("backbone", "weights_sha256", "reader", "reader_version"))


def test_an_unfinished_store_is_completed(tiny_benchmark: Path, tmp_path: Path) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    root = extract(data_module(tiny_benchmark), checkpoint, tmp_path / "features")
    kept, lost = root / "am_val_00000.npy", root / "am_val_00001.npy"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    extract(data_module(tiny_benchmark), checkpoint, root)
    assert kept.stat().st_mtime_ns == before
    assert lost.is_file()
    assert NpyFeatureStore(root).verify() == []


def test_another_contract_is_refused(tiny_benchmark: Path, tmp_path: Path) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    with pytest.raises(ContractError, match=r"fps is 10\.0 here and 5\.0 there"):
        extract(data_module(tiny_benchmark, fps=5.0), checkpoint, tmp_path / "features")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        extract(data_module(tiny_benchmark), tmp_path / "none.ckpt", tmp_path / "features")
    assert not (tmp_path / "features").exists()


def test_a_broken_video_is_named_and_what_was_done_stays(tiny_benchmark: Path, tmp_path: Path) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    root = shutil.copytree(tiny_benchmark, tmp_path / "data")
    (root / "videos" / "un_train_00001.mp4").write_text("no video")
    with pytest.raises(VideoError, match=r"un_train_00001\.mp4"):
        extract(data_module(root), checkpoint, tmp_path / "features")
    assert "un_train_00000.npy" in {path.name for path in (tmp_path / "features").iterdir()}
    shutil.copy(tiny_benchmark / "videos" / "un_train_00001.mp4", root / "videos")
    assert NpyFeatureStore(extract(data_module(root), checkpoint, tmp_path / "features")).verify() == []
