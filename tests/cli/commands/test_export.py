from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.checkpoints.pretrained_folder import FEATURE_BANK_FILE
from aher_lightning.cli.main import main
from aher_lightning.inference.localizer import Localizer
from tests.helpers.added import remembering_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return remembering_checkpoint(tmp_path)


def test_a_checkpoint_becomes_a_folder_that_commands_take(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "shared"
    words = ["export", f"--checkpoint={checkpoint}", "--format=safetensors", f"--output={folder}"]
    assert main(words) == 0
    written = capsys.readouterr().out
    assert f"{folder}: written, 0." in written
    assert "MiB are features of 30 moments and 6 videos, for adding categories (--feature-bank=false" in written
    assert main(["list-categories", f"--checkpoint={folder}"]) == 0
    assert "nod" in capsys.readouterr().out
    assert Localizer.from_pretrained(folder).categories == Localizer.from_checkpoint(checkpoint).categories
    assert main(words) == 1
    assert "already exists; name another folder, or add --overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--feature-bank=false"]) == 0
    assert not (folder / FEATURE_BANK_FILE).exists()
    assert "; without a feature bank: adding categories to it needs --negatives" in capsys.readouterr().out


@pytest.mark.slow
def test_a_checkpoint_becomes_graphs(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "graphs"
    assert main(["export", f"--checkpoint={checkpoint}", "--format=onnx", f"--output={folder}"]) == 0
    assert "backbone.onnx and localizer.onnx written, opset 18" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["backbone.onnx", "config.json", "localizer.onnx"]


def test_mistakes_give_one_line(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", f"--checkpoint={checkpoint}", "--format=safetensors"]
    assert main([*words, f"--output={checkpoint}"]) == 1
    assert "is the checkpoint itself; name another folder" in capsys.readouterr().err
    assert main(["export", f"--checkpoint={tmp_path / 'none'}", "--format=onnx", f"--output={tmp_path / 'o'}"]) == 1
    assert "no such checkpoint" in capsys.readouterr().err
    assert main(["export", f"--checkpoint={checkpoint}", "--format=pickle", f"--output={tmp_path / 'o'}"]) == 2
    assert not (tmp_path / "o").exists()
