"""Two processes with half a batch each train as one process with the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, distributed

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.base import EvaluationOutput
from tests.helpers.all_phases import KINDS, data_of, every_phase
from tests.helpers.gloo import run_on_processes
from tests.helpers.toy import CATEGORIES, MOMENT, MeanBackbone, ToyDataModule, toy_loss, toy_network, toy_video
from tests.helpers.training import quiet_trainer

ITERATIONS = 20
BATCH = 4
TOLERANCE = 1e-5


def weights_after_training(kind: str, folder: str, world_size: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    module = KINDS[kind]()
    options: dict[str, Any] = {"devices": world_size, "strategy": "ddp" if world_size > 1 else "auto"}
    trainer = quiet_trainer(Path(folder), ITERATIONS, callbacks=[IterationCheckpoint()], **options)
    trainer.fit(module, datamodule=data_of(kind)(batch_size=BATCH // world_size))
    return {key: value.clone() for key, value in module.state_dict().items()}


def train_on_rank(_: int, kind: str, folder: str) -> dict[str, Tensor]:
    return weights_after_training(kind, folder, distributed.get_world_size())


@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_weights_equal_those_of_one_process(kind: str, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    first, second = run_on_processes(train_on_rank, 2, tmp_path / "two", kind, str(tmp_path / "two"))
    whole = weights_after_training(kind, str(tmp_path / "one"), 1)
    torch.manual_seed(0)
    before = KINDS[kind]().state_dict()
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    moved = 0.0
    for key, value in whole.items():
        assert torch.equal(first[key], second[key]), key
        assert float((first[key].double() - value.double()).abs().max()) <= TOLERANCE, key
        moved = max(moved, float((value.double() - before[key].double()).abs().max()))
    assert moved > 100 * TOLERANCE


def count_messages(_: int, folder: str) -> list[tuple[int, int]]:
    """Sizes of the float messages of one iteration, and how many parameters the phases have."""
    torch.manual_seed(0)
    module = AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss())
    sizes: list[int] = []
    exchange = distributed.all_reduce

    def note(tensor: Tensor, *arguments: Any, **options: Any) -> Any:
        if tensor.is_floating_point() and tensor.numel() > 100:
            sizes.append(tensor.numel())
        return exchange(tensor, *arguments, **options)

    distributed.all_reduce = note
    trainer = quiet_trainer(Path(folder), 1, callbacks=[IterationCheckpoint()], devices=2, strategy="ddp")
    trainer.fit(module, datamodule=ToyDataModule(batch_size=2))
    expected = []
    for phase in module.phases:
        parameters = [one for one in module.phase_parameters(phase) if one.requires_grad]
        expected.append(len(parameters) + sum(one.numel() for one in parameters))
    return list(zip(sizes, expected, strict=True))


@pytest.mark.ddp
@pytest.mark.slow
def test_each_phase_sends_its_own_gradients_once(tmp_path: Path) -> None:
    for messages in run_on_processes(count_messages, 2, tmp_path, str(tmp_path)):
        assert isinstance(messages, list)
        assert len(messages) == 4
        assert all(sent == owned for sent, owned in messages)


def validated(_: int, folder: str) -> dict[str, float]:
    """Metrics of a validation; five videos, which two processes cannot share evenly."""
    torch.manual_seed(0)
    world_size = distributed.get_world_size() if distributed.is_initialized() else 1
    options: dict[str, Any] = {"devices": world_size, "strategy": "ddp" if world_size > 1 else "auto"}
    trainer = quiet_trainer(Path(folder), limit_val_batches=None, **options)
    (metrics,) = trainer.validate(every_phase(), datamodule=FiveVideos(eval_batch_size=1), verbose=False)
    return dict(metrics)


class FiveVideos(ToyDataModule):
    """One video more than the toy data has."""

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        return super().videos | {"val4": toy_video("val4", "validation", MOMENT[1])}


@pytest.mark.ddp
def test_evaluation_is_the_same_to_the_last_digit(tmp_path: Path) -> None:
    first, second = run_on_processes(validated, 2, tmp_path, str(tmp_path))
    assert first == second == validated(0, str(tmp_path / "one"))
    assert isinstance(first, dict)
    assert first["val/coverage"] == 1.0
    assert first["val/AUC"] > 0


def under_a_default_trainer(_: int, folder: str) -> tuple[dict[str, float], list[str], dict[str, Tensor], float]:
    """Metrics, the videos that this process predicts, and weights and coverage after training."""
    world_size = distributed.get_world_size() if distributed.is_initialized() else 1
    options: dict[str, Any] = {"devices": world_size, "max_epochs": 1, "limit_train_batches": 3, "logger": False}
    trainer = pl.Trainer(default_root_dir=folder, accelerator="cpu", enable_progress_bar=False, **options)
    torch.manual_seed(0)
    module, data = every_phase(), FiveVideos(batch_size=BATCH // world_size, eval_batch_size=1)
    (metrics,) = trainer.test(module, datamodule=data, verbose=False)
    predicted = cast("list[EvaluationOutput]", trainer.predict(module, datamodule=data))
    trainer.fit(module, datamodule=data)
    weights = {key: value.clone() for key, value in module.state_dict().items()}
    video_ids = [video_id for output in predicted for video_id in output.video_ids]
    return dict(metrics), video_ids, weights, float(trainer.callback_metrics["val/coverage"])


@pytest.mark.ddp
def test_lightnings_default_trainer_leaves_samplers_alone(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    first, second = run_on_processes(under_a_default_trainer, 2, tmp_path / "two", str(tmp_path / "two"))
    metrics, video_ids, weights, coverage = under_a_default_trainer(0, str(tmp_path / "one"))
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert first[0] == second[0] == metrics
    assert sorted(first[1] + second[1]) == video_ids == [f"val{number}" for number in range(5)]
    assert first[3] == second[3] == coverage == metrics["test/coverage"] == 1.0
    for key, value in weights.items():
        assert torch.equal(first[2][key], second[2][key]), key
        assert float((first[2][key].double() - value.double()).abs().max()) <= TOLERANCE, key
