from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from aher_lightning.checkpoints.pretrained_folder import FEATURE_BANK_FILE, FILES, read_trained
from aher_lightning.cli.main import main
from aher_lightning.inference.localizer import Localizer
from tests.helpers.added import remembering_checkpoint
from tests.helpers.hub import READER, WRITER, Hub, serve_hub


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return remembering_checkpoint(tmp_path)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub(monkeypatch, tmp_path / "cache") as served:
        monkeypatch.setenv("HF_TOKEN", WRITER)
        yield served


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


def test_a_model_on_the_hub_does_what_its_checkpoint_does(
    checkpoint: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"test/mAP@0.50": 0.5, "test/AUC": None}))
    words = ["export", f"--checkpoint={checkpoint}", "--format=safetensors", f"--output={tmp_path / 'gestures'}"]
    assert main([*words, f"--scores={tmp_path / 'metrics.json'}", "--push=ann/gestures"]) == 0
    assert "hf://ann/gestures: uploaded, http://127.0.0.1:" in capsys.readouterr().out
    pushed = hub.repositories["ann/gestures"].newest
    assert pushed == {name: (tmp_path / "gestures" / name).read_bytes() for name in FILES}
    assert b'from_pretrained("hf://ann/gestures")' in pushed["README.md"]
    assert b"| test/mAP@0.50 | 0.5000 |" in pushed["README.md"]
    assert main(["list-categories", "--checkpoint=hf://ann/gestures"]) == 0
    assert "nod" in capsys.readouterr().out
    words = ["export", "--checkpoint=hf://ann/gestures@main", "--format=safetensors", f"--output={tmp_path / 'again'}"]
    assert main(words) == 0
    one, other = (read_trained(path)["state_dict"] for path in (checkpoint, tmp_path / "again"))
    assert all(torch.equal(one[name], other[name]) for name in one)
    found = Localizer.from_pretrained("hf://ann/gestures")
    assert found.categories == Localizer.from_checkpoint(checkpoint).categories


def test_an_upload_that_fails_leaves_the_folder(
    checkpoint: Path, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", f"--checkpoint={checkpoint}", "--format=safetensors", f"--output={tmp_path / 'f'}"]
    for option in ("--push=gestures", "--push=ann/gestures@v1"):
        assert main([*words, option]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "write hf://USER/MODEL" in line or "leave @v1 out" in line
        assert not (tmp_path / "f").exists()
    monkeypatch.setenv("HF_TOKEN", READER)
    assert main([*words, "--push=ann/gestures"]) == 1
    assert "no write permission there" in capsys.readouterr().err
    assert hub.repositories == {}
    assert main(["list-categories", f"--checkpoint={tmp_path / 'f'}"]) == 0


def test_a_model_of_others_is_as_untrusted_as_a_folder(
    checkpoint: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "f"
    words = ["export", f"--checkpoint={checkpoint}", "--format=safetensors", f"--output={folder}"]
    assert main(words) == 0
    content = json.loads((folder / "config.json").read_text())
    content["configuration"]["class_path"] = "os.system"
    (folder / "config.json").write_text(json.dumps(content))
    hub.add("ann/trap", folder)
    words = ["export", "--checkpoint=hf://ann/trap", "--format=safetensors", f"--output={tmp_path / 'o'}"]
    assert main(words) == 1
    assert "names 'os.system', which is not part of this package" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_options_of_the_folder_to_share_are_refused_elsewhere(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", f"--checkpoint={checkpoint}", f"--output={tmp_path / 'o'}"]
    assert main([*words, "--format=onnx", "--push=ann/gestures"]) == 1
    assert "--push and --scores belong to --format safetensors" in capsys.readouterr().err
    (tmp_path / "metrics.json").write_text('{"test/mAP@0.50": "high"}')
    assert main([*words, "--format=safetensors", f"--scores={tmp_path / 'metrics.json'}"]) == 1
    assert "'test/mAP@0.50' is no number; give the metrics.json of 'aher test'" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
