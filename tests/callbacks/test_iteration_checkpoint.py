from __future__ import annotations

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.io import TorchCheckpointIO

from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.callbacks.atomic_checkpoint_io import AtomicCheckpointIO
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.last import find_last_checkpoint
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def saved(folder: Path) -> dict[str, int]:
    """Iterations of the checkpoints in a folder."""
    return {path.name: torch.load(path)[STATE_KEY]["iteration"] for path in sorted(folder.glob("**/*.ckpt"))}


@pytest.mark.parametrize(
    ("every", "keep_all", "expected"),
    [
        (0, False, {"last.ckpt": 5}),
        (2, False, {"last.ckpt": 5, "previous.ckpt": 4}),
        (2, True, {"iteration_000002.ckpt": 2, "iteration_000004.ckpt": 4, "last.ckpt": 5, "previous.ckpt": 4}),
        (9, True, {"last.ckpt": 5}),
    ],
)
def test_checkpoints_are_saved_by_iteration(
    every: int, keep_all: bool, expected: dict[str, int], tmp_path: Path
) -> None:
    callback = IterationCheckpoint(every_n_iterations=every, keep_all=keep_all)
    train(toy_localizer(), tmp_path, 5, callbacks=[callback])
    assert saved(tmp_path) == expected


def test_a_run_that_is_cut_off_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    class StopAt(IterationCheckpoint):
        def on_train_batch_end(self, *arguments: object) -> None:
            super().on_train_batch_end(*arguments)  # type: ignore[arg-type]
            if arguments[-1] == 3:
                raise KeyError

    with pytest.raises(KeyError):
        train(toy_localizer(), tmp_path, 5, callbacks=[StopAt(every_n_iterations=3)])
    assert saved(tmp_path) == {"last.ckpt": 3}


def test_it_takes_the_place_of_lightnings_own(tmp_path: Path) -> None:
    trainer = train(toy_localizer(), tmp_path, 1, callbacks=[IterationCheckpoint(Path("below"))])
    assert [type(one) for one in trainer.checkpoint_callbacks] == [IterationCheckpoint]
    assert saved(tmp_path) == {"last.ckpt": 1}
    assert (tmp_path / "below" / "last.ckpt").is_file()


@pytest.mark.parametrize(("more", "expected"), [(5, 5), (2, 2)])
def test_a_finished_run_goes_on_if_asked_for_more(more: int, expected: int, tmp_path: Path) -> None:
    train(toy_localizer(), tmp_path / "first", 2)
    resumed, whole = toy_localizer(), toy_localizer()
    trainer = quiet_trainer(tmp_path / "second", more, callbacks=[IterationCheckpoint(every_n_iterations=1)])
    trainer.fit(resumed, datamodule=ToyDataModule(), ckpt_path=tmp_path / "first" / "last.ckpt")
    train(whole, tmp_path / "whole", expected)
    assert resumed.iteration == whole.iteration == expected
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())
    assert saved(tmp_path / "second") == ({"last.ckpt": 5, "previous.ckpt": 5} if more == 5 else {})


def test_a_run_that_was_told_to_stop_goes_on(tmp_path: Path) -> None:
    class StopAtTwo(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *arguments: object) -> None:
            trainer.should_stop = trainer.should_stop or arguments[-1] == 1

    train(toy_localizer(), tmp_path, 4, callbacks=[StopAtTwo(), IterationCheckpoint()], min_epochs=0)
    assert saved(tmp_path) == {"last.ckpt": 2}
    resumed = toy_localizer()
    quiet_trainer(tmp_path, 4).fit(resumed, datamodule=ToyDataModule(), ckpt_path=tmp_path / "last.ckpt")
    assert resumed.iteration == 4


def test_a_checkpoint_that_cannot_be_finished_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyError

    class FailAtTwo(pl.Callback):
        def on_train_batch_start(self, *arguments: object) -> None:
            if arguments[-1] == 1:
                monkeypatch.setattr(torch, "save", stop)

    callbacks = [FailAtTwo(), IterationCheckpoint(every_n_iterations=1)]
    with pytest.raises(KeyError):
        train(toy_localizer(), tmp_path, 3, callbacks=callbacks)
    assert saved(tmp_path) == {"previous.ckpt": 1}
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert (found.path.name, found.iteration) == ("previous.ckpt", 1)


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = tmp_path / ".last.ckpt.0123456789ab.tmp"
    others = [tmp_path / name for name in ("notes.tmp", ".hidden", "other.ckpt")]
    for path in (left, *others):
        path.write_bytes(b"")
    train(toy_localizer(), tmp_path, 1)
    assert not left.exists()
    assert all(path.exists() for path in others)


def test_another_way_of_writing_is_left_alone(tmp_path: Path) -> None:
    class Own(TorchCheckpointIO):
        pass

    own = train(toy_localizer(), tmp_path, 1, plugins=[Own()])
    ours = train(toy_localizer(), tmp_path, 1)
    assert isinstance(own.strategy.checkpoint_io, Own)
    assert isinstance(ours.strategy.checkpoint_io, AtomicCheckpointIO)
