from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.checkpoints.last import find_last_checkpoint
from aher_lightning.errors import CheckpointError, TrainingError
from aher_lightning.losses.localization import LocalizationLoss
from aher_lightning.models.aher_net import AherNet
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.nan_guard import read_incident
from aher_lightning.modules.phases import DetectorPhase
from aher_lightning.modules.replay import replay_losses
from tests.helpers.gloo import run_on_processes
from tests.helpers.toy import CATEGORIES, MeanBackbone, ToyDataModule, toy_loss, toy_network
from tests.helpers.training import quiet_trainer, toy_classifier


class Spoiled(DetectorPhase):
    """Whose classification loss is no number from its third step on."""

    taken = 0
    on_rank = 0

    def losses(self, network: AherNet, loss: LocalizationLoss, data: IterationData) -> dict[str, Tensor]:
        losses = super().losses(network, loss, data)
        self.taken += 1
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        if self.taken >= 3 and rank == self.on_rank:
            losses["synthetic_cls"] = losses["synthetic_cls"] * float("nan")
        return losses


def spoiled_module() -> AherModule:
    torch.manual_seed(0)
    return AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss(), detector=Spoiled())


def train(module: Any, folder: Path, **options: Any) -> None:
    callbacks = [IterationCheckpoint(every_n_iterations=1)]
    quiet_trainer(folder, 6, callbacks=callbacks, **options).fit(module, datamodule=ToyDataModule())


def test_training_stops_with_all_that_one_needs_to_know(tmp_path: Path) -> None:
    module = spoiled_module()
    message = (
        r"phase 'detector', iteration 2: synthetic_cls is nan, with untrimmed train\d, .* moments \w+\d, .*"
        r"lower the learning rate. Batch and weights are in .*nan_000002_0\.pt, and the last checkpoint is untouched"
    )
    with pytest.raises(TrainingError, match=message) as caught:
        train(module, tmp_path)
    assert "\n" not in str(caught.value)
    found = find_last_checkpoint(tmp_path)
    assert found is not None
    assert found.iteration == 2
    assert all(value.isfinite().all() for value in module.state_dict().values())


def test_the_step_can_be_computed_again(tmp_path: Path) -> None:
    module = spoiled_module()
    with pytest.raises(TrainingError):
        train(module, tmp_path)
    incident = read_incident(tmp_path / "nan_000002_0.pt")
    assert (incident.phase, incident.iteration) == ("detector", 2)
    assert [len(part.video_ids) for part in incident.batch.values()] == [4, 4, 4]
    spoiled = spoiled_module()
    sound = AherModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, loss=toy_loss())
    spoiled.detector.taken = 2  # type: ignore[attr-defined]
    for again in (replay_losses(spoiled, incident), replay_losses(sound, incident)):
        assert again.keys() == incident.losses.keys()
        for name in ("synthetic_prop", "detector_adv"):
            assert again[name] == incident.losses[name]
    with pytest.raises(CheckpointError, match="the module has no phase 'recognitions'"):
        replay_losses(sound, incident._replace(phase="recognitions"))
    with pytest.raises(CheckpointError, match="the weights of the incident do not fit"):
        replay_losses(sound, incident._replace(state_dict={}))


def test_a_classifier_of_snippets_stops_too(tmp_path: Path) -> None:
    module = toy_classifier()
    with torch.no_grad():
        module.moment_classifier.weight.fill_(float("inf"))
    with pytest.raises(TrainingError, match="phase 'recognition', iteration 0: moment_cls is nan, with foreground"):
        train(module, tmp_path)
    assert read_incident(tmp_path / "nan_000000_0.pt").random_state is None


@pytest.mark.parametrize("content", [{"phase": "x"}, 5])
def test_other_files_are_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "file.pt")
    with pytest.raises(CheckpointError, match="tells of no step of training"):
        read_incident(tmp_path / "file.pt")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_incident(tmp_path / "missing.pt")


def stop_on_one(rank: int, folder: str) -> str:
    module = spoiled_module()
    module.detector.on_rank = 1  # type: ignore[attr-defined]
    try:
        train(module, Path(folder), devices=2, strategy="ddp")
    except TrainingError as error:
        return str(error)
    return f"process {rank} went on"


@pytest.mark.ddp
def test_all_processes_stop(tmp_path: Path) -> None:
    first, second = run_on_processes(stop_on_one, 2, tmp_path, str(tmp_path / "run"))
    assert first == "phase 'detector', iteration 2: a loss of process 1 is not finite; its message says which"
    assert "synthetic_cls is nan" in str(second)
    assert [path.name for path in (tmp_path / "run").glob("nan_*")] == ["nan_000002_1.pt"]
