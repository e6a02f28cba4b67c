from __future__ import annotations

import json
from pathlib import Path

from aher_lightning.callbacks import MetricsWriter
from aher_lightning.structures import Categories
from tests.helpers.toy import MOMENT, UNTRIMMED, ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def test_the_metrics_of_a_test_are_written(tmp_path: Path) -> None:
    trainer = quiet_trainer(tmp_path, callbacks=[MetricsWriter(Path("new/metrics.json"))])
    (metrics,) = trainer.test(toy_localizer(), datamodule=ToyDataModule(), verbose=False)
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == metrics
    assert {"test/mAP", "test/mAP@0.50", "test/AUC"} <= set(metrics)
    assert metrics["test/coverage"] == 1.0


def test_undefined_metrics_are_written_as_null(tmp_path: Path) -> None:
    # The validation videos show moment categories only.
    module = toy_localizer(Categories(UNTRIMMED, MOMENT, "all"))
    trainer = quiet_trainer(tmp_path, callbacks=[MetricsWriter()])
    trainer.test(module, datamodule=ToyDataModule(evaluated="all"), verbose=False)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test/untrimmed/mAP"] is metrics["test/harmonic/AUC"] is None
    assert metrics["test/moment/mAP"] == metrics["test/mAP"]
    assert metrics["test/moment/AUC"] == metrics["test/AUC"] > 0


def test_training_writes_nothing(tmp_path: Path) -> None:
    train(toy_localizer(), tmp_path, 1, callbacks=[MetricsWriter()], enable_checkpointing=False)
    assert list(tmp_path.iterdir()) == []
