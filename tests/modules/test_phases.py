"""Each phase changes its own parameters and no other, and its loss falls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.aher_net import PARAMETER_GROUPS
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phases import (
    DetectorPhase,
    DiscriminatorPhase,
    GeneratorAdversarialPhase,
    GeneratorPhase,
    RecognitionPhase,
    TransferPhase,
)
from tests.helpers.toy import toy_loss, toy_network
from tests.helpers.training import iteration_data

MakePhase = Callable[[], Phase]
LEVEL_REDUCTIONS: tuple[Literal["sum", "mean"], ...] = ("sum", "mean")
ADVERSARIAL_LEVELS: tuple[Literal["fixed", "trained"], ...] = ("fixed", "trained")

PHASES: dict[str, tuple[MakePhase, set[str]]] = {
    "recognition": (RecognitionPhase, {"untrimmed_classifier", "moment_classifier"}),
    "recognition, moments move the ConvNet": (
        lambda: RecognitionPhase(groups=("untrimmed_classifier", "moment_classifier", "pyramid")),
        {"untrimmed_classifier", "moment_classifier", "pyramid"},
    ),
    "transfer": (TransferPhase, {"pyramid", "heads", "transfer"}),
    "transfer, the function alone": (lambda: TransferPhase(groups=("transfer",)), {"transfer"}),
    "generator": (GeneratorPhase, {"generators"}),
    "discriminator": (lambda: DiscriminatorPhase(enabled=True), {"discriminators"}),
    "generator_adversarial": (lambda: GeneratorAdversarialPhase(enabled=True), {"generators"}),
    "detector": (DetectorPhase, {"pyramid", "heads", "discriminators"}),
    "detector, without adversary": (
        lambda: DetectorPhase(groups=("pyramid", "heads"), adversarial_weight=0.0),
        {"pyramid", "heads"},
    ),
    "detector, its adversary moves the ConvNet": (
        lambda: DetectorPhase(adversarial_levels="trained"),
        {"pyramid", "heads", "discriminators"},
    ),
}


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_changes_its_groups_and_no_other(name: str) -> None:
    make, expected = PHASES[name]
    torch.manual_seed(0)
    network, phase = toy_network(), make()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    optimizer = torch.optim.Adam([p for group in phase.groups for p in network.parameter_group(group)])
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


def test_recognition_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^phase 'recognition' has no 'parts'; name some, or set 'enabled: false'"):
        RecognitionPhase(parts=())


def test_no_two_phases_log_under_the_same_key() -> None:
    phases = {type(phase): phase for phase in (make() for make, _ in PHASES.values())}.values()
    keys = [key for phase in phases for key in (phase.name, *phase.loss_names)]
    assert len(phases) == 6
    assert len(set(keys)) == len(keys)


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
    expected = 0.98 if name in {"generator", "generator_adversarial"} else 0.9
    assert totals[-1] < expected * totals[0], totals[::16]


def test_foregrounds_never_move_the_pyramid() -> None:
    network = toy_network()
    phase = RecognitionPhase(groups=("untrimmed_classifier", "moment_classifier", "pyramid"))
    losses = phase.losses(network, toy_loss(), iteration_data())
    losses["foreground_cls"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in network.parameter_group("pyramid"))
    losses["moment_cls"].backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in network.parameter_group("pyramid"))


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_names_its_losses_beforehand(name: str) -> None:
    phase = PHASES[name][0]()
    assert tuple(phase.losses(toy_network(), toy_loss(), iteration_data())) == phase.loss_names


def test_recognition_can_leave_moments_out() -> None:
    losses = RecognitionPhase(parts=("foreground",)).losses(toy_network(), toy_loss(), iteration_data())
    assert set(losses) == {"foreground_cls"}


def test_recognition_has_the_feature_bank() -> None:
    bank = RecognitionPhase().feature_bank
    assert (bank.num_moments, bank.num_videos) == (0, 0)
    assert TransferPhase().feature_bank is None
    with pytest.raises(ConfigError, match="'feature_bank_videos' is -1; give 0 to keep none, or more"):
        RecognitionPhase(feature_bank_videos=-1)


def test_recognition_can_average_the_levels() -> None:
    network = toy_network()
    total, mean = (
        RecognitionPhase(levels=levels).losses(network, toy_loss(), iteration_data())["moment_cls"]
        for levels in LEVEL_REDUCTIONS
    )
    torch.testing.assert_close(total, 4 * mean)
    doubled = RecognitionPhase(weight=2.0).losses(network, toy_loss(), iteration_data())["moment_cls"]
    torch.testing.assert_close(doubled, 2 * total)


@pytest.mark.parametrize("make", [GeneratorPhase, DetectorPhase])
def test_without_adversary_neither_its_loss_nor_untrimmed_videos_are_needed(
    make: type[GeneratorPhase | DetectorPhase],
) -> None:
    phase = make(adversarial_weight=0.0)
    network = toy_network(discriminator=None)
    phase.check(network)
    data = iteration_data(untrimmed=False)
    losses = phase.losses(network, toy_loss(), data)
    assert tuple(losses) == phase.loss_names
    assert len(losses) == 2


@pytest.mark.parametrize(
    "phase",
    [GeneratorPhase(), DetectorPhase(), DiscriminatorPhase(enabled=True), GeneratorAdversarialPhase(enabled=True)],
)
def test_an_adversary_needs_a_discriminator(phase: Phase) -> None:
    phase.check(toy_network())
    with pytest.raises(ConfigError, match=rf"phase '{phase.name}' has an adversarial loss .*give 'network.discrim"):
        phase.check(toy_network(discriminator=None))


def test_a_phase_says_which_part_of_the_batch_it_lacks() -> None:
    with pytest.raises(ConfigError, match=r"needs 'untrimmed', which 'data\.parts' leaves out"):
        TransferPhase().losses(toy_network(), toy_loss(), iteration_data(untrimmed=False))


def test_the_adversary_of_the_detector_moves_the_feature_maps_only_if_told() -> None:
    torch.manual_seed(0)
    network = toy_network()
    for levels, moves in zip(ADVERSARIAL_LEVELS, (False, True), strict=True):
        losses = DetectorPhase(adversarial_levels=levels).losses(network, toy_loss(), iteration_data())
        gradients = torch.autograd.grad(
            losses["detector_adv"], network.parameter_group("pyramid"), allow_unused=True, materialize_grads=True
        )
        assert any(bool(gradient.any()) for gradient in gradients) == moves


def test_the_detector_weighs_its_losses() -> None:
    torch.manual_seed(0)
    network = toy_network()
    plain = DetectorPhase().losses(network, toy_loss(), iteration_data())
    weighted = DetectorPhase(classification_weight=3.0, proposal_weight=0.5).losses(
        network, toy_loss(), iteration_data()
    )
    torch.testing.assert_close(weighted["synthetic_cls"], 3 * plain["synthetic_cls"])
    torch.testing.assert_close(weighted["synthetic_prop"], 0.5 * plain["synthetic_prop"])
    torch.testing.assert_close(weighted["detector_adv"], plain["detector_adv"])


def test_adversarial_weight_scales_the_adversarial_loss_only() -> None:
    torch.manual_seed(0)
    network = toy_network()
    one, ten = (
        GeneratorPhase(adversarial_weight=weight).losses(network, toy_loss(), iteration_data())
        for weight in (1.0, 10.0)
    )
    torch.testing.assert_close(ten["generator_adv"], 10 * one["generator_adv"])
    torch.testing.assert_close(ten["generator_cls"], one["generator_cls"])
