from __future__ import annotations

from pathlib import Path

from aher_lightning.callbacks import IterationCheckpoint, TrainingCurves
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train

VALIDATED = {"limit_val_batches": 1.0, "val_check_interval": 2}


def test_losses_and_metrics_are_recorded_and_drawn(tmp_path: Path) -> None:
    curves = TrainingCurves(Path("new/curves.png"), every_n_iterations=2)
    train(toy_localizer(), tmp_path, 4, callbacks=[curves], enable_checkpointing=False, **VALIDATED)
    assert [iteration for iteration, _ in curves.history["train/recognition"]] == [2, 4]
    assert [iteration for iteration, _ in curves.history["val/mAP"]] == [2, 4]
    assert (tmp_path / "new" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_resumed_run_draws_all_of_it(tmp_path: Path) -> None:
    def callbacks() -> list[TrainingCurves | IterationCheckpoint]:
        return [TrainingCurves(every_n_iterations=1), IterationCheckpoint(every_n_iterations=2, keep_all=True)]

    train(toy_localizer(), tmp_path / "first", 4, callbacks=callbacks())
    curves, checkpoint = callbacks()
    trainer = quiet_trainer(tmp_path / "second", 4, callbacks=[curves, checkpoint])
    path = tmp_path / "first" / "iteration_000002.ckpt"
    trainer.fit(toy_localizer(), datamodule=ToyDataModule(), ckpt_path=path)
    assert isinstance(curves, TrainingCurves)
    assert [iteration for iteration, _ in curves.history["train/transfer"]] == [1, 2, 3, 4]


def test_the_sanity_check_leaves_no_trace(tmp_path: Path) -> None:
    curves = TrainingCurves()
    options = {**VALIDATED, "num_sanity_val_steps": 1, "enable_checkpointing": False}
    train(toy_localizer(), tmp_path, 2, callbacks=[curves], **options)
    assert [iteration for iteration, _ in curves.history["val/mAP"]] == [2]


def test_nothing_recorded_nothing_drawn(tmp_path: Path) -> None:
    train(toy_localizer(), tmp_path, 1, callbacks=[TrainingCurves()], enable_checkpointing=False)
    assert list(tmp_path.iterdir()) == []
