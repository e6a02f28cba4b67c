"""The recipe of the released code has the optimizers of its training graph: their losses, parameters and rates."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
import torch

from aher_lightning.modules.aher import AherModule
from tests.helpers.golden_fill import golden_path
from tests.helpers.released_recipe import released_module
from tests.helpers.training import iteration_data

pytestmark = pytest.mark.golden

GROUP_OF_VARIABLE = {
    r"aher/g_conv(\d|_a\d)": "pyramid",
    r"aher/conv_a\d_box/conv_(cls|loc|iou)": "heads",
    r"aher/conv_a\d_box/fully\d": "transfer",
    r"aher/conv_a\d_box/conv_action_anet": "untrimmed_classifier",
    r"aher/conv_a\d_box/conv_action_anchor": "moment_classifier",
    r"g_conv_[se]\d": "generators",
    r"conv_a\d_adv/d_conv_adv": "discriminators",
}


class Step(NamedTuple):
    """An optimizer of an iteration: the parameters that get a gradient, and its momenta."""

    moved: frozenset[str]
    betas: tuple[float, float]


def graph() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(golden_path("tf", "10_training_graph.json").read_text(encoding="utf-8"))
    return content


def groups_of(variables: list[str]) -> frozenset[str]:
    found = [group for name in variables for pattern, group in GROUP_OF_VARIABLE.items() if re.match(pattern, name)]
    assert len(found) == len(variables)
    return frozenset(found)


def released_steps() -> dict[str, Step]:
    """The ten optimizers of the released code by the names of our losses; generators take the adversarial one twice."""
    ours = (
        *(
            "discriminator_adv",
            "generator_adversarial_adv",
            "foreground_cls",
            "moment_cls",
            "untrimmed_prop",
            "untrimmed_cls",
        ),
        *("generator_prop", "generator_cls", "synthetic_prop", "synthetic_cls"),
    )
    steps = {}
    for name, optimizer in zip(ours, graph()["optimizers_in_construction_order"], strict=True):
        moved = set(optimizer["var_list"]) - set(optimizer["vars_without_gradient"])
        betas = (optimizer["cfg"].get("beta1", 0.9), 0.999)
        steps[name] = Step(groups_of(sorted(moved)), betas)
    return steps


def our_steps(module: AherModule) -> dict[str, Step]:
    """The same of the recipe: which parameters each loss reaches among those of its phase."""
    configured = iter(module.configure_optimizers())
    steps = {}
    for phase in module.phases:
        losses = phase.losses(module.network, module.loss, iteration_data())
        parameters = {group: module.parameter_group(group) for group in phase.groups}
        assert phase.optimizer_per_loss or len(losses) == 1
        for name, loss in losses.items():
            flat = [one for group in parameters.values() for one in group]
            gradients = iter(torch.autograd.grad(loss, flat, allow_unused=True, retain_graph=True))
            reached = {group: [next(gradients) is not None for _ in own] for group, own in parameters.items()}
            betas = next(configured)["optimizer"].param_groups[0]["betas"]
            steps[name] = Step(frozenset(group for group, hits in reached.items() if any(hits)), betas)
    return steps


def test_every_optimizer_moves_what_it_moves_in_the_released_code() -> None:
    module = released_module()
    released, ours = released_steps(), our_steps(module)
    assert ours.keys() == released.keys()
    for name, step in released.items():
        assert ours[name].moved == step.moved, name
        assert ours[name].betas == step.betas, name


def test_eleven_steps_in_the_released_order() -> None:
    module = released_module()
    order = [name for phase in module.phases for _ in range(phase.steps) for name in phase.loss_names]
    assert order == [
        *("moment_cls", "foreground_cls", "untrimmed_cls", "untrimmed_prop", "generator_cls", "generator_prop"),
        *(
            "discriminator_adv",
            "generator_adversarial_adv",
            "generator_adversarial_adv",
            "synthetic_cls",
            "synthetic_prop",
        ),
    ]


def test_rates_fall_where_the_released_ones_fall_and_those_of_the_game_never() -> None:
    module = released_module()
    configured = module.configure_optimizers()
    names = [name for phase in module.phases for name in phase.loss_names]
    changes: dict[str, dict[int, float]] = {name: {} for name in names}
    for iteration in range(4700):
        for name, one in zip(names, configured, strict=True):
            rate, known = one["optimizer"].param_groups[0]["lr"], changes[name]
            if not known or rate != list(known.values())[-1]:
                known[iteration] = rate
        for one in configured:
            one["optimizer"].step()
            one["lr_scheduler"].step()
    points = {
        int(at): rate
        for at, (_, rate) in zip(graph()["lr_change_iteration"], graph()["lr_changes_global_iternum_lr"], strict=True)
    }
    assert list(changes["untrimmed_cls"]) == list(points)
    assert list(changes["untrimmed_cls"].values()) == pytest.approx(list(points.values()))
    for name in names:
        is_game = name.endswith("_adv")
        assert changes[name] == ({0: pytest.approx(1e-4)} if is_game else changes["untrimmed_cls"]), name
