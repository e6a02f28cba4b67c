"""Each phase changes its own parameters and no other, and its loss falls."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from aher_lightning.models.aher_net import PARAMETER_GROUPS
from aher_lightning.modules.phases import (
    DetectorPhase,
    GeneratorPhase,
    IterationData,
    Phase,
    RecognitionPhase,
    TransferPhase,
)
from tests.helpers.toy import CHANNELS, toy_loss, toy_network

MakePhase = Callable[[], Phase]

PHASES: dict[str, tuple[MakePhase, set[str]]] = {
    "recognition": (RecognitionPhase, {"untrimmed_classifier", "moment_classifier"}),
    "recognition, moments move the ConvNet": (
        lambda: RecognitionPhase(groups=("untrimmed_classifier", "moment_classifier", "pyramid")),
        {"untrimmed_classifier", "moment_classifier", "pyramid"},
    ),
    "transfer": (TransferPhase, {"pyramid", "heads", "transfer"}),
    "generator": (GeneratorPhase, {"generators"}),
    "detector": (DetectorPhase, {"pyramid", "heads", "discriminators"}),
}


def iteration_data() -> IterationData:
    generator = torch.Generator().manual_seed(0)
    untrimmed = torch.rand(4, CHANNELS, 32, generator=generator)
    segments = torch.tensor([[[0.1, 0.4], [0.5, 0.9]]]).repeat(4, 1, 1)
    return IterationData(
        untrimmed=untrimmed,
        segments=segments,
        segment_labels=torch.tensor([[0, 0], [1, 1], [0, -1], [1, 1]]),
        foreground=torch.rand(4, CHANNELS, 32, generator=generator),
        foreground_labels=torch.tensor([0, 1, 0, 1]),
        moments=torch.rand(4, CHANNELS, 16, generator=generator),
        moment_labels=torch.tensor([0, 1, 2, 0]),
        generator=torch.Generator().manual_seed(1),
    )


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_changes_its_groups_and_no_other(name: str) -> None:
    make, expected = PHASES[name]
    torch.manual_seed(0)
    network, phase = toy_network(), make()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = phase.optimizer([p for group in phase.groups for p in network.parameter_group(group)])
    sum(phase.losses(network, toy_loss(), iteration_data()).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    changed = {
        group
        for group in PARAMETER_GROUPS
        for key, value in network.named_parameters()
        if any(value is own for own in network.parameter_group(group)) and not torch.equal(before[key], value)
    }
    assert changed == expected
    assert set(phase.groups) == expected


@pytest.mark.parametrize("name", PHASES)
def test_every_parameter_of_a_group_gets_a_gradient(name: str) -> None:
    torch.manual_seed(0)
    network, phase = toy_network(), PHASES[name][0]()
    sum(phase.losses(network, toy_loss(), iteration_data()).values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    for group in phase.groups:
        without = [p for p in network.parameter_group(group) if p.grad is None]
        assert not without, group


@pytest.mark.parametrize("name", PHASES)
def test_the_loss_of_a_phase_falls(name: str) -> None:
    torch.manual_seed(0)
    network, phase = toy_network(), PHASES[name][0]()
    parameters = [p for group in phase.groups for p in network.parameter_group(group)]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    totals = []
    for _ in range(80):
        data = iteration_data()  # the same random layouts in every step, so that losses compare
        total = sum(phase.losses(network, toy_loss(), data).values(), torch.zeros(()))
        network.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        totals.append(total.item())
    # Generators change the surroundings of a moment only, so their loss has a high floor.
    expected = 0.98 if name == "generator" else 0.9
    assert totals[-1] < expected * totals[0], totals[::16]


def test_foregrounds_never_move_the_pyramid() -> None:
    network = toy_network()
    phase = RecognitionPhase(groups=("untrimmed_classifier", "moment_classifier", "pyramid"))
    losses = phase.losses(network, toy_loss(), iteration_data())
    losses["foreground_cls"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in network.parameter_group("pyramid"))
    losses["moment_cls"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in network.parameter_group("pyramid"))


def test_recognition_can_leave_moments_out() -> None:
    losses = RecognitionPhase(moments=False).losses(toy_network(), toy_loss(), iteration_data())
    assert set(losses) == {"foreground_cls"}


def test_adversarial_weight_scales_the_adversarial_loss_only() -> None:
    torch.manual_seed(0)
    network = toy_network()
    one, ten = (
        GeneratorPhase(adversarial_weight=weight).losses(network, toy_loss(), iteration_data())
        for weight in (1.0, 10.0)
    )
    torch.testing.assert_close(ten["generator_adv"], 10 * one["generator_adv"])
    torch.testing.assert_close(ten["generator_cls"], one["generator_cls"])
