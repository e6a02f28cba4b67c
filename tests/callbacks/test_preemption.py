from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from aher_lightning.callbacks import IterationCheckpoint, Preemption
from aher_lightning.checkpoints.last import find_last_checkpoint
from aher_lightning.errors import ConfigError
from tests.helpers.gloo import run_on_processes
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


class SignalAt(pl.Callback):
    """Sends this process the signal in the middle of an iteration."""

    def __init__(self, iteration: int, number: int = signal.SIGUSR1) -> None:
        self.iteration, self.number = iteration, number

    def on_train_batch_start(self, *arguments: object) -> None:
        if arguments[-1] == self.iteration - 1:
            os.kill(os.getpid(), self.number)


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job, and a scheduler that writes down what it is asked for."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "scontrol"
    script.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path / "asked"}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    return tmp_path / "asked"


def stopped(folder: Path, **options: Any) -> pl.Trainer:
    return train(
        toy_localizer(), folder, 6, callbacks=[IterationCheckpoint(), SignalAt(3), Preemption(**options)], min_epochs=0
    )


def test_a_signal_ends_training_after_the_iteration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    stopped(tmp_path)
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert found.iteration == 3
    assert "SIGUSR1: stopping after 3 iterations; resume with --ckpt_path last" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGUSR1) is before


def test_what_goes_on_equals_what_was_never_stopped(tmp_path: Path) -> None:
    stopped(tmp_path / "stopped")
    resumed, whole = toy_localizer(), toy_localizer()
    checkpoint = tmp_path / "stopped" / "last.ckpt"
    quiet_trainer(tmp_path / "resumed", 6).fit(resumed, datamodule=ToyDataModule(), ckpt_path=checkpoint)
    train(whole, tmp_path / "whole", 6)
    assert resumed.iteration == whole.iteration == 6
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())


def test_a_job_goes_back_to_the_queue(scontrol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped(tmp_path)
    assert scontrol.read_text() == "requeue 4711\n"
    assert "job 4711 was requeued" in capsys.readouterr().err


def test_a_job_is_left_alone_if_asked_for(scontrol: Path, tmp_path: Path) -> None:
    stopped(tmp_path, requeue=False)
    assert not scontrol.exists()


@pytest.mark.usefixtures("scontrol")
def test_a_scheduler_that_refuses_costs_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bin" / "scontrol").write_text("#!/bin/sh\necho 'Job may not\n be requeued' >&2\nexit 1\n")
    stopped(tmp_path)
    assert "job 4711 cannot be requeued (Job may not be requeued); submit it again" in capsys.readouterr().err
    assert find_last_checkpoint(tmp_path) is not None


def test_without_a_signal_nothing_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(toy_localizer(), tmp_path, 2, callbacks=[IterationCheckpoint(), Preemption()])
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert found.iteration == 2
    assert "stopping" not in capsys.readouterr().err


def test_an_unknown_signal_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown signal 'USR1'; name one such as SIGUSR1"):
        Preemption("USR1")


def _stop_one_of_two(rank: int, folder: str) -> int:
    callbacks = [IterationCheckpoint(), Preemption(requeue=False), *([SignalAt(2)] if rank == 1 else [])]
    module = toy_localizer()
    trainer = quiet_trainer(
        Path(folder), 6, callbacks=callbacks, min_epochs=0, devices=2, strategy="ddp_find_unused_parameters_true"
    )
    trainer.fit(module, datamodule=ToyDataModule())
    return module.iteration


@pytest.mark.ddp
def test_all_processes_stop_together(tmp_path: Path) -> None:
    assert run_on_processes(_stop_one_of_two, 2, tmp_path, str(tmp_path)) == [2, 2]
