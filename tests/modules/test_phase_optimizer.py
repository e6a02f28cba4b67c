from __future__ import annotations

import pytest
import torch
from torch import nn

from aher_lightning.errors import ConfigError
from aher_lightning.modules.phase_optimizer import make_phase_optimizers
from aher_lightning.modules.phases import TransferPhase


def sgd(parameters: object) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.5)  # type: ignore[arg-type]  # what the hook passes is a list of parameters


def halving(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)


@pytest.fixture
def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.ones(2)), nn.Parameter(torch.zeros(3))]


def test_one_optimizer_minimizes_the_sum_of_all_losses(parameters: list[nn.Parameter]) -> None:
    (made,) = make_phase_optimizers(TransferPhase(clip_norm=2.0), parameters, sgd, None)
    losses = {"untrimmed_prop": torch.tensor(2.0), "untrimmed_cls": torch.tensor(1.0), "other": torch.tensor(9.0)}
    assert made.loss_names == ("untrimmed_cls", "untrimmed_prop")
    assert float(made.objective(losses)) == 3.0
    assert made.clip_norm == 2.0
    assert made.configuration() == {"optimizer": made.optimizer}
    assert made.optimizer.param_groups[0]["params"] == parameters


def test_an_optimizer_per_loss_minimizes_that_loss_alone(parameters: list[nn.Parameter]) -> None:
    phase = TransferPhase(optimizer_per_loss=True, scheduler=halving)
    made = make_phase_optimizers(phase, parameters, sgd, None)
    losses = {"untrimmed_cls": torch.tensor(1.0), "untrimmed_prop": torch.tensor(2.0)}
    assert [float(one.objective(losses)) for one in made] == [1.0, 2.0]
    assert made[0].optimizer is not made[1].optimizer
    assert [one.configuration()["lr_scheduler"] for one in made] == [one.scheduler for one in made]


def test_what_a_phase_names_comes_before_the_default(parameters: list[nn.Parameter]) -> None:
    own = make_phase_optimizers(TransferPhase(optimizer=sgd), parameters, torch.optim.Adam, halving)
    default = make_phase_optimizers(TransferPhase(), parameters, torch.optim.Adam, None)
    assert isinstance(own[0].optimizer, torch.optim.SGD)
    assert own[0].scheduler is not None
    assert isinstance(default[0].optimizer, torch.optim.Adam)


def test_a_phase_without_parameters_to_train_is_refused(parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="has no parameters to train in pyramid, heads, transfer; give it other"):
        make_phase_optimizers(TransferPhase(), parameters, sgd, None)
