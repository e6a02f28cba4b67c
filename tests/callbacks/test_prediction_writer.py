from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from aher_lightning.callbacks import PredictionWriter
from aher_lightning.errors import ConfigError
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.modules.base import EvaluationOutput
from aher_lightning.modules.detection_metrics import ground_truth
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.structures import Detections
from tests.helpers.toy import MOMENT, ToyDataModule
from tests.helpers.training import quiet_trainer, toy_localizer


@pytest.mark.parametrize("verb", ["test", "predict"])
def test_the_file_holds_what_was_detected(verb: str, tmp_path: Path) -> None:
    module = toy_localizer()
    trainer = quiet_trainer(tmp_path, callbacks=[PredictionWriter(Path("found.json"))])
    data = ToyDataModule(eval_batch_size=3)
    getattr(trainer, verb)(module, datamodule=data)
    found = read_predictions(tmp_path / "found.json", MOMENT).detections
    outputs = cast("list[EvaluationOutput]", quiet_trainer(tmp_path).predict(module, datamodule=data))
    expected = {name: one for out in outputs for name, one in zip(out.video_ids, out.detections, strict=True)}
    assert list(found) == list(expected) == ["val0", "val1", "val2", "val3"]
    for name, one in expected.items():
        assert all(ours.tolist() == theirs.tolist() for ours, theirs in zip(found[name], one, strict=True))


def test_the_proposals_have_the_recall_that_the_test_logs(tmp_path: Path) -> None:
    data = ToyDataModule()
    trainer = quiet_trainer(tmp_path, callbacks=[PredictionWriter()])
    (logged,) = trainer.test(toy_localizer(), datamodule=data, verbose=False)
    proposals = read_predictions(tmp_path / "proposals.json", MOMENT).detections
    detections = read_predictions(tmp_path / "predictions.json", MOMENT).detections
    assert all(len(detections[name].scores) >= 3 * len(one.scores) for name, one in proposals.items())
    metric = ProposalRecall()
    for batch in data.test_dataloader():
        truth = [ground_truth(*row) for row in zip(batch.segments_sec, batch.labels, strict=True)]
        metric.update([proposals[name] for name in batch.video_ids], truth, batch.positions.tolist())
    values = metric.compute()
    assert all(logged[f"test/{key}"] == pytest.approx(float(value)) for key, value in values.items())
    assert 0 < values["AUC"] < 1


def test_proposals_can_be_left_out(tmp_path: Path) -> None:
    trainer = quiet_trainer(tmp_path, callbacks=[PredictionWriter(proposals_path=None)])
    trainer.test(toy_localizer(), datamodule=ToyDataModule(), verbose=False)
    assert [path.name for path in tmp_path.glob("*.json")] == ["predictions.json"]


def output(*names: str, start: int) -> EvaluationOutput:
    nothing = Detections(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    return EvaluationOutput(list(names), list(range(start, start + len(names))), [nothing] * len(names))


def test_videos_are_in_the_order_of_the_data_set_and_each_once(tmp_path: Path) -> None:
    writer, trainer, module = PredictionWriter(), quiet_trainer(tmp_path), toy_localizer()
    for batch in (output("c", "d", start=2), output("a", "b", start=0), output("c", start=2)):
        writer.on_test_batch_end(trainer, module, batch, None, 0)
    writer.on_test_end(trainer, module)
    assert list(read_predictions(tmp_path / "predictions.json").detections) == ["a", "b", "c", "d"]


def test_a_second_run_starts_anew(tmp_path: Path) -> None:
    writer, trainer, module = PredictionWriter(), quiet_trainer(tmp_path), toy_localizer()
    for name in "ab":
        writer.on_predict_batch_end(trainer, module, output(name, start=0), None, 0)
        writer.on_predict_end(trainer, module)
    assert list(read_predictions(tmp_path / "predictions.json").detections) == ["b"]


def test_modules_of_others_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="PredictionWriter works with modules of this package only"):
        PredictionWriter().on_test_batch_end(quiet_trainer(tmp_path), toy_localizer(), None, None, 0)
