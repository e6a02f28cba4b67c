from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch

from aher_lightning.callbacks import PredictionWriter
from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import EvaluationOutput
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
