from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Union, get_args

import pytest
import torch

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.checkpoints.pretrained_folder import write_pretrained
from aher_lightning.cli.main import main
from aher_lightning.cli.trainer import whole_numbers_first
from tests.helpers.hub import serve_hub
from tests.helpers.miniature import Miniature, make_miniatures

Train = Callable[..., int]


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    return make_miniatures(tmp_path_factory.mktemp("miniature"))["demo.yaml"]


@pytest.fixture
def fit(miniature: Miniature, tmp_path: Path) -> Train:
    def run(command: str, *words: str) -> int:
        configs = [f"--config={miniature.config}", f"--config={miniature.overlay}"]
        return main(
            [command, *configs, f"--trainer.default_root_dir={tmp_path}", "--trainer.limit_val_batches=0", *words]
        )

    return run


def iteration(path: Path) -> int:
    found: int = read_checkpoint(path)[STATE_KEY]["iteration"]
    return found


def test_the_same_command_begins_and_goes_on(fit: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fit", "--iterations=4", "--ckpt_path=last", "--checkpoint.every_n_iterations=2")
    assert fit(*words) == 0
    assert f"{tmp_path}: no checkpoint yet, so training starts from the beginning" in capsys.readouterr().err
    whole = read_checkpoint(tmp_path / "last.ckpt")["state_dict"]
    # As if the run had been killed when the first checkpoint was there.
    for name in ("last.ckpt", "previous.ckpt"):
        (tmp_path / name).unlink()
    assert fit("fit", "--iterations=2") == 0
    assert iteration(tmp_path / "last.ckpt") == 2
    assert fit(*words, "--model.scheduler.T_max=300") == 0
    assert f"resuming from {tmp_path / 'last.ckpt'}, after 2 iterations" in capsys.readouterr().err
    resumed = read_checkpoint(tmp_path / "last.ckpt")["state_dict"]
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_a_damaged_checkpoint_is_passed_over_and_named(
    fit: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit("fit", "--iterations=3", "--checkpoint.every_n_iterations=2") == 0
    assert (iteration(tmp_path / "previous.ckpt"), iteration(tmp_path / "last.ckpt")) == (2, 3)
    (tmp_path / "last.ckpt").write_bytes((tmp_path / "last.ckpt").read_bytes()[:5000])
    assert fit("fit", "--iterations=4", "--ckpt_path=last") == 0
    said = capsys.readouterr().err
    assert f"skipped: {tmp_path / 'last.ckpt'}: not a readable checkpoint (damaged)" in said
    assert f"resuming from {tmp_path / 'previous.ckpt'}, after 2 iterations" in said
    assert iteration(tmp_path / "last.ckpt") == 4


def test_where_all_are_damaged_nothing_is_lost(fit: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"damaged")
    assert fit("fit", "--ckpt_path=last") == 1
    assert "none of its 1 checkpoints is readable" in capsys.readouterr().err
    assert (tmp_path / "last.ckpt").read_bytes() == b"damaged"


def test_evaluation_needs_a_checkpoint(fit: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit("validate", "--ckpt_path=last") == 1
    assert f"{tmp_path}: has no checkpoint yet; train one with 'aher fit'" in capsys.readouterr().err
    assert fit("fit") == 0
    assert fit("validate", "--ckpt_path=last", "--trainer.limit_val_batches=1") == 0


def test_a_folder_is_evaluated_like_its_checkpoint_but_not_resumed(
    fit: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit("fit", "--iterations=2") == 0
    write_pretrained(tmp_path / "shared", read_checkpoint(tmp_path / "last.ckpt"))
    scores = []
    with serve_hub(monkeypatch, tmp_path / "cache") as hub:
        hub.add("ann/gestures", tmp_path / "shared")
        for path in (tmp_path / "last.ckpt", tmp_path / "shared", "hf://ann/gestures"):
            assert fit("test", f"--ckpt_path={path}") == 0
            scores.append((tmp_path / "metrics.json").read_text())
    assert scores[0] == scores[1] == scores[2]
    capsys.readouterr()
    assert fit("fit", "--iterations=3", f"--ckpt_path={tmp_path / 'shared'}") == 1
    assert "is a folder, not a checkpoint file; to continue training from an exported" in capsys.readouterr().err


def test_hyperparameters_in_a_checkpoint_change_no_configuration(fit: Train, tmp_path: Path) -> None:
    """Lightning would have them override the command line, and name classes."""
    assert fit("fit", "--iterations=2") == 0
    content = read_checkpoint(tmp_path / "last.ckpt")
    torch.save({**content, "hyper_parameters": {"_class_path": "no.such.Module", "seed": 5}}, tmp_path / "last.ckpt")
    assert fit("validate", "--ckpt_path=last", "--trainer.limit_val_batches=1") == 0
    assert fit("fit", "--iterations=3", f"--ckpt_path={tmp_path / 'last.ckpt'}") == 0
    assert iteration(tmp_path / "last.ckpt") == 3


@pytest.mark.parametrize("strategy", ["fsdp", "FSDPStrategy", "deepspeed_stage_2"])
def test_strategies_that_take_networks_apart_are_refused(
    fit: Train, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fit("fit", f"--trainer.strategy={strategy}") == 1
    (line,) = [one for one in capsys.readouterr().err.splitlines() if one.startswith("aher fit:")]
    assert "shards parameters over processes" in line
    assert "'trainer.strategy: ddp'" in line


def test_one_batch_is_no_share_whatever_was_imported_before() -> None:
    """In a new process, as what typing remembers cannot be undone."""
    program = """
from typing import Optional, Union
Optional[Union[float, int]]
from jsonargparse import ArgumentParser
from aher_lightning.cli.trainer import Trainer
parser = ArgumentParser()
parser.add_class_arguments(Trainer, "trainer")
for words, kind in (("1", int), ("1.0", float), ("0.5", float), ("7", int)):
    parsed = parser.parse_args([f"--trainer.limit_train_batches={words}", f"--trainer.limit_val_batches={words}"])
    assert type(parsed.trainer.limit_train_batches) is type(parsed.trainer.limit_val_batches) is kind, words
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def test_unions_keep_their_other_kinds() -> None:
    def function() -> None: ...

    mixed, other = Union[float, str, int, None], Union[str, float]  # noqa: UP007 - as Lightning writes them
    function.__annotations__.update(one=mixed, other=other, third=int)
    whole_numbers_first(function)
    assert get_args(function.__annotations__["one"]) == (int, float, str, type(None))
    assert function.__annotations__["other"] is other
    assert function.__annotations__["third"] is int
