from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch

from aher_lightning.modules.phases import RecognitionPhase
from tests.helpers.toy import CATEGORIES, ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer, train


def test_it_learns_on_untrimmed_videos_alone(tmp_path: Path) -> None:
    module = toy_localizer()
    before = {key: value.clone() for key, value in module.network.state_dict().items()}
    train(module, tmp_path, 2)
    changed = {
        key.split(".")[0] for key, value in module.network.state_dict().items() if not torch.equal(before[key], value)
    }
    assert {"pyramid", "head", "transfers", "untrimmed_classifier", "moment_classifier"} <= changed
    assert not changed & {"context", "discriminators"}


def test_moments_can_be_left_out(tmp_path: Path) -> None:
    module = toy_localizer(recognition=RecognitionPhase(parts=("foreground",)))
    before = {key: value.clone() for key, value in module.network.moment_classifier.state_dict().items()}
    trainer = train(module, tmp_path, 2)
    for key, value in module.network.moment_classifier.state_dict().items():
        assert torch.equal(before[key], value), key
    assert "train/moment_cls" not in trainer.callback_metrics
    assert "train/untrimmed_prop" in trainer.callback_metrics


def test_its_loss_falls(tmp_path: Path) -> None:
    totals: list[float] = []

    class Record(pl.Callback):
        def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
            totals.append(float(trainer.callback_metrics["train/transfer"]))

    train(
        toy_localizer(optimizer=partial(torch.optim.Adam, lr=1e-3)),
        tmp_path,
        40,
        callbacks=[Record()],
        enable_checkpointing=False,
    )
    assert sum(totals[-8:]) < 0.9 * sum(totals[:8])


@pytest.mark.parametrize("evaluated", ["untrimmed", "moment"])
def test_detections_index_the_evaluated_categories(evaluated: str, tmp_path: Path) -> None:
    categories = type(CATEGORIES)(CATEGORIES.untrimmed, CATEGORIES.moment, evaluated)  # type: ignore[arg-type]
    outputs = quiet_trainer(tmp_path).predict(toy_localizer(categories), datamodule=ToyDataModule())
    assert outputs is not None
    labels = torch.cat([one.labels for output in outputs for one in output.detections])  # type: ignore[union-attr]
    assert labels.min() >= 0
    assert labels.max() < len(categories.names)
