from __future__ import annotations

import json
from pathlib import Path

from aher_lightning.callbacks import MetricsWriter
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def test_the_metrics_of_a_test_are_written(tmp_path: Path) -> None:
    trainer = quiet_trainer(tmp_path, callbacks=[MetricsWriter(Path("new/metrics.json"))])
    (metrics,) = trainer.test(toy_localizer(), datamodule=ToyDataModule(), verbose=False)
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == metrics
    assert {"test/mAP", "test/mAP@0.50", "test/AUC"} <= set(metrics)


def test_training_writes_nothing(tmp_path: Path) -> None:
    train(toy_localizer(), tmp_path, 1, callbacks=[MetricsWriter()], enable_checkpointing=False)
    assert list(tmp_path.iterdir()) == []
