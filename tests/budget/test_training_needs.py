from __future__ import annotations

from functools import partial
from typing import cast

import pytest
import torch

from aher_lightning.budget.training_needs import TrainingNeeds, measure_needs
from aher_lightning.errors import ConfigError
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.modules.phases import TransferPhase
from tests.helpers.toy import ToyDataModule
from tests.helpers.training import moment_batch, pixels, small_contract, toy_classifier, toy_localizer, untrimmed_batch


def batch(size: int) -> TrainingBatch:
    data = ToyDataModule(batch_size=size)
    return cast("TrainingBatch", {part: data.training_loader(part).peek(size) for part in data.parts})


def with_contract(module: BaseModule) -> BaseModule:
    module.contract = small_contract()
    return module


def count(parameters: list[torch.nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def test_parameters_and_states_of_each_phase_are_counted() -> None:
    module = toy_localizer()
    needs = measure_needs(module, batch(4))
    assert needs.parameters == count(list(module.parameters()))
    assert [phase.name for phase in needs.phases] == ["recognition", "transfer"]
    for found, phase in zip(needs.phases, module.phases, strict=True):
        own = module.phase_parameters(phase)
        assert (found.trainable, found.optimizers, found.steps) == (count(own), 1, 1)
        assert found.gradient_bytes == 4 * count(own)
        assert found.optimizer_bytes == 2 * 4 * count(own) + 4 * len(own)  # Adam
        assert found.activation_bytes is not None
        assert found.activation_bytes > 0


def test_nothing_of_the_module_changes() -> None:
    module = toy_localizer()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    wants = [parameter.requires_grad for parameter in module.parameters()]
    measure_needs(module, batch(4))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [parameter.requires_grad for parameter in module.parameters()] == wants
    assert all(parameter.grad is None for parameter in module.parameters())
    assert module.iteration == 0


def test_losses_with_optimizers_of_their_own_keep_gradients_of_their_own() -> None:
    usual, own, turns = (
        measure_needs(toy_localizer(transfer=TransferPhase(optimizer_per_loss=per_loss, in_turn=in_turn))).phases[1]
        for per_loss, in_turn in ((False, False), (True, False), (True, True))
    )
    assert (usual.optimizers, own.optimizers, turns.optimizers) == (1, 2, 2)
    assert own.optimizer_bytes == turns.optimizer_bytes == 2 * usual.optimizer_bytes
    assert own.gradient_bytes == 2 * usual.gradient_bytes
    assert turns.gradient_bytes == usual.gradient_bytes


def test_activations_grow_with_the_batch() -> None:
    small, large = (measure_needs(toy_localizer(), batch(size)) for size in (2, 4))
    doubled = measure_needs(toy_localizer(), batch(2), times=2)
    for one, other, twice in zip(small.phases, large.phases, doubled.phases, strict=True):
        assert one.activation_bytes is not None
        assert other.activation_bytes is not None
        assert 1.5 * one.activation_bytes < other.activation_bytes <= 2.2 * one.activation_bytes
        assert twice.activation_bytes == 2 * one.activation_bytes
    assert small.batch_bytes is not None
    assert large.batch_bytes == 2 * small.batch_bytes


def test_a_backbone_that_learns_keeps_activations_while_all_phases_run() -> None:
    def needs(groups: list[str]) -> TrainingNeeds:
        module = with_contract(toy_localizer(transfer=TransferPhase(groups=groups)))
        videos = untrimmed_batch(pixels(3, 3), [[[1.0, 4.0]], [[2.0, 6.0]]], [[0], [1]])._replace(iteration=0)
        clips = moment_batch(pixels(2, 2), [0, 1])
        return measure_needs(module, {"untrimmed": videos, "foreground": clips, "moments": clips})

    frozen, learning = needs(["heads"]), needs(["heads", "backbone"])
    assert frozen.encoding_bytes == 0
    assert learning.encoding_bytes
    parts = learning.memory()
    largest = max(phase.activation_bytes or 0 for phase in learning.phases)
    assert parts["activations, largest phase"] == learning.encoding_bytes + largest


def test_a_classifier_of_snippets_is_one_phase() -> None:
    module = with_contract(toy_classifier())
    clips = moment_batch(pixels(1, 1), [0, 1])
    needs = measure_needs(module, {"foreground": clips, "moments": clips})
    (phase,) = needs.phases
    assert (phase.name, phase.trainable) == ("recognition", needs.parameters)
    assert phase.activation_bytes
    assert needs.batch_bytes == 2 * pixels(1, 1).values.numel()
    assert measure_needs(toy_classifier()).phases[0].activation_bytes is None


def test_the_memory_of_a_process_is_the_sum_of_its_parts() -> None:
    needs = measure_needs(toy_localizer())
    alone, together = needs.memory(), needs.memory(2)
    assert set(alone) == {"weights", "gradients, largest phase", "optimizer states"}
    assert alone["optimizer states"] == sum(phase.optimizer_bytes for phase in needs.phases)
    largest = max(phase.gradient_bytes for phase in needs.phases)
    assert together["gradients to be sent"] == 4 * needs.parameters + largest
    assert set(measure_needs(toy_localizer(), batch(2)).memory()) > set(alone)


def test_a_phase_that_changes_nothing_is_refused() -> None:
    module = toy_localizer()
    for parameter in module.network.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="phase 'recognition' has no parameters to train"):
        measure_needs(module)


def test_frozen_parameters_are_not_trained() -> None:
    module = toy_localizer(optimizer=partial(torch.optim.SGD, lr=0.1))
    whole = measure_needs(module).phases[1]
    frozen = module.phase_parameters(module.phases[1])[0]
    frozen.requires_grad_(False)
    needs = measure_needs(module)
    assert needs.phases[1].trainable == whole.trainable - frozen.numel()
    assert needs.phases[1].optimizer_bytes == 0
    assert needs.trainable_bytes == 4 * (needs.parameters - frozen.numel())
