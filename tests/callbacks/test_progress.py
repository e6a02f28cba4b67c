from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl

from aher_lightning.callbacks import IterationCheckpoint, PhaseProgress
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def test_training_shows_iterations_and_one_loss_per_phase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(toy_localizer(), tmp_path, 8, callbacks=[PhaseProgress(refresh_every=2)], enable_checkpointing=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == ["2/8", "4/8", "6/8", "8/8"]
    assert all(line.startswith("Training LocalizerModule: ") for line in lines)
    assert all("recognition " in line and "transfer " in line for line in lines)


def test_the_last_iteration_is_always_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(toy_localizer(), tmp_path, 3, callbacks=[PhaseProgress(refresh_every=50)], enable_checkpointing=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Training LocalizerModule: 3/3 iterations")


def test_a_resumed_run_goes_on_counting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(toy_localizer(), tmp_path, 4, callbacks=[IterationCheckpoint(every_n_iterations=3, keep_all=True)])
    trainer = quiet_trainer(tmp_path, 4, callbacks=[PhaseProgress(refresh_every=1)], enable_checkpointing=False)
    trainer.fit(toy_localizer(), datamodule=ToyDataModule(), ckpt_path=tmp_path / "iteration_000003.ckpt")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Training LocalizerModule: 4/4 iterations")


@pytest.mark.parametrize(("verb", "shown"), [("test", "Testing"), ("predict", "Predicting")])
def test_evaluation_shows_batches(verb: str, shown: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = quiet_trainer(tmp_path, callbacks=[PhaseProgress()])
    arguments = {"verbose": False} if verb == "test" else {}
    getattr(trainer, verb)(toy_localizer(), datamodule=ToyDataModule(eval_batch_size=2), **arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith(f"{shown} LocalizerModule: 2/2 batches")


def test_it_can_be_switched_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    callbacks = [PhaseProgress(enabled=False)]
    train(toy_localizer(), tmp_path, 2, callbacks=callbacks, enable_checkpointing=False)
    quiet_trainer(tmp_path, callbacks=callbacks).predict(toy_localizer(), datamodule=ToyDataModule())
    assert capsys.readouterr().out == ""


def test_a_failure_closes_the_bar(tmp_path: Path) -> None:
    class Fail(pl.Callback):
        def on_train_batch_end(self, *_: object) -> None:
            assert progress._training is not None
            raise KeyError

    progress = PhaseProgress()
    with pytest.raises(KeyError):
        train(toy_localizer(), tmp_path, 2, callbacks=[Fail(), progress], enable_checkpointing=False)
    assert progress._training is None
