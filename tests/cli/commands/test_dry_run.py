from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from pytorch_lightning.demos.boring_classes import BoringDataModule, BoringModel

from aher_lightning.checkpoints.content import read_checkpoint
from aher_lightning.cli.commands.dry_run import dry_run
from aher_lightning.cli.main import main
from aher_lightning.errors import ConfigError
from aher_lightning.reports.training_budget import memory_text
from tests.helpers.command_line import trainer_words
from tests.helpers.miniature import Miniature, make_miniatures
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import toy_localizer


@pytest.fixture
def miniature(tmp_path: Path) -> Miniature:
    return make_miniatures(tmp_path / "data")["demo.yaml"]


def words(miniature: Miniature, output: Path, *more: str) -> list[str]:
    configs = [f"--config={miniature.config}", f"--config={miniature.overlay}"]
    return ["fit", *configs, f"--trainer.default_root_dir={output}", "--dry-run", *more]


def row(text: str, first: str) -> list[str]:
    """The words of the only line that begins with a word."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"{first} ")]
    return line.split()


def test_everything_is_told_and_nothing_is_written(
    miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(words(miniature, tmp_path / "run")) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("AherModule: ")
    total = int(said.out.split()[1].replace(",", ""))
    for phase in ("recognition", "transfer", "detector"):
        trainable, frozen = (int(count.replace(",", "")) for count in row(said.out, phase)[3:5])
        assert trainable + frozen == total
        assert float(row(said.out, phase)[5]) > 0
    assert row(said.out, "foreground")[1:] == ["8", "2", "4"]
    assert row(said.out, "evaluation")[1:] == ["4", "8", "1"]
    sizes, named = said.out.split("Videos that the data names")
    assert row(sizes, "moments")[1:] == ["4", "2", "2"]
    assert row(named, "moments")[1:] == ["4", "0", "0"]
    assert "background" not in named  # there is none
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_features_fail_with_one_line_after_the_tables(
    miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = miniature.overlay.parent / "features"
    (features / "validation_nod_0.npy").unlink()  # not read by training
    (features / "nod--1.npy").unlink()
    assert main(words(miniature, tmp_path / "run")) == 1
    said = capsys.readouterr()
    assert "Memory of a process" in said.out
    line = said.err.splitlines()[-1]
    assert line.startswith("aher fit: 1 videos have lost their features (nod--1)")
    shutil.rmtree(features)
    assert main(words(miniature, tmp_path / "run")) == 1
    said = capsys.readouterr()
    assert str(features) in said.err
    assert said.err.count("aher fit:") == 1


def test_missing_moments_are_named_unless_they_are_known_to_be(
    miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = miniature.overlay.parent / "moments" / "nod" / "7.mp4"
    extra.touch()
    assert main(words(miniature, tmp_path / "run")) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "aher fit: 1 of 5 moments have no features in" in line
    assert "(nod--7); add them, or list in 'data.quarantine'" in line
    (tmp_path / "known.txt").write_text("nod--7\n")
    assert main(words(miniature, tmp_path / "run", f"--data.quarantine={tmp_path / 'known.txt'}")) == 0


def test_clips_are_measured_by_one_sample_of_each_part(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*trainer_words("fit", tiny_benchmark, tmp_path / "run", "tiny_recognition"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    phase = row(said, "recognition")
    assert phase[4] == "0"  # nothing is frozen
    assert phase[6] in {"KiB", "MiB"}
    # Two clips of 8 frames of 24 x 24 for each of two parts.
    assert f"{2 * 2 * 8 * 3 * 24 * 24 / 1024:.1f} KiB" in said
    assert not (tmp_path / "run").exists()


def test_several_processes_share_the_data(
    miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(miniature, tmp_path, "--trainer.devices=2", "--trainer.strategy=ddp")) == 0
    said = capsys.readouterr().out
    assert row(said, "foreground")[1:] == ["8", "4", "2"]
    assert "gradients to be sent" in said


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_only_training_has_a_dry_run(
    command: str, miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *words(miniature, tmp_path)[1:]]) == 1
    assert f"'--dry-run' belongs to 'aher fit'; leave it out of 'aher {command}'" in capsys.readouterr().err


def test_what_is_not_of_this_package_is_refused() -> None:
    with pytest.raises(ConfigError, match="not BoringModel; leave '--dry-run' out"):
        dry_run(BoringModel(), ToyDataModule(), iterations=1)
    with pytest.raises(ConfigError, match="not BoringDataModule"):
        dry_run(toy_localizer(), BoringDataModule(), iterations=1)


@pytest.mark.parametrize("recipe", ["paper.yaml", "released.yaml"])
def test_the_optimizer_states_are_those_that_training_saves(
    recipe: str, miniature: Miniature, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configured = [f"--config=recipes/{recipe}", "--trainer.limit_val_batches=0"]
    assert main(words(miniature, tmp_path, *configured)) == 0
    told = capsys.readouterr().out
    assert main([word for word in words(miniature, tmp_path, *configured) if word != "--dry-run"]) == 0
    saved = read_checkpoint(tmp_path / "last.ckpt")
    states = [state for one in saved["optimizer_states"] for state in one["state"].values()]
    found = sum(value.nbytes for state in states for value in state.values() if isinstance(value, torch.Tensor))
    (line,) = [line for line in told.splitlines() if line.startswith("optimizer states")]
    assert line.split(maxsplit=2)[2] == memory_text(found)
