from __future__ import annotations

from pathlib import Path

import pytest
from rich.table import Table

from aher_lightning.callbacks import ScoreTable
from aher_lightning.callbacks.score_table import score_table
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def cells(table: Table) -> list[list[str]]:
    """The table, column by column."""
    return [[str(column.header), *map(str, column.cells)] for column in table.columns]


def test_scores_stand_in_percent() -> None:
    table = score_table({"test/mAP@0.50": 0.12345, "test/oracle_labels/mAP": 1.0, "val/mAP": 0.5, "loss": 3.0}, "test")
    assert cells(table) == [["score, %", "mAP@0.50", "oracle_labels mAP"], ["", "12.35", "100.00"]]


def test_groups_stand_side_by_side() -> None:
    metrics = {"val/untrimmed/mAP": 0.1, "val/moment/mAP": float("nan"), "val/harmonic/mAP": 0.2, "val/coverage": 1.0}
    assert cells(score_table(metrics, "val")) == [
        ["score, %", "mAP", "coverage"],
        ["", "-", "100.00"],
        ["untrimmed", "10.00", "-"],
        ["moment", "-", "-"],
        ["harmonic", "20.00", "-"],
    ]


def test_evaluations_show_it_and_trainings_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = toy_localizer()
    train(module, tmp_path, 1, callbacks=[ScoreTable()], limit_val_batches=1, enable_checkpointing=False)
    assert "score, %" not in capsys.readouterr().out
    trainer = quiet_trainer(tmp_path, callbacks=[ScoreTable()], limit_val_batches=1)
    trainer.test(module, datamodule=ToyDataModule(), verbose=False)
    shown = capsys.readouterr().out
    assert "score, %" in shown
    assert "mAP@0.50" in shown
    trainer.validate(module, datamodule=ToyDataModule(), verbose=False)
    assert "mAP@0.50" in capsys.readouterr().out
    quiet = quiet_trainer(tmp_path, callbacks=[ScoreTable(enabled=False)], limit_val_batches=1)
    quiet.validate(module, datamodule=ToyDataModule(), verbose=False)
    assert capsys.readouterr().out == ""
