"""The recipe of the paper takes the steps of Algorithm 1, and the settings have the rates of section 4.2."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml

from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.generated_contexts import GeneratedContexts
from aher_lightning.models.score_fusion import ProductFusion, VideoCategoryFusion
from aher_lightning.models.suppression import HardNMS
from aher_lightning.modules.aher import AherModule
from tests.helpers.released_recipe import recipe_module, released_module
from tests.helpers.training import iteration_data

ALGORITHM_1 = {
    "foreground_cls": {"untrimmed_classifier"},
    "moment_cls": {"moment_classifier"},
    "untrimmed_cls": {"transfer"},
    "untrimmed_prop": set(),
    "generator_cls": {"generators"},
    "generator_prop": {"generators"},
    "generator_adv": {"generators"},
    "synthetic_cls": {"pyramid"},
    "synthetic_prop": {"pyramid", "heads"},
    "detector_adv": {"pyramid", "discriminators"},
}
"""The parameters that each loss of the paper's algorithm moves."""

DECAY = {"anet_un_am.yaml": 5_000, "th14_anet_fg.yaml": 5_000, "anet_k600.yaml": 15_000}
"""Iterations after which the learning rate falls in each setting."""


def moved_groups(module: AherModule) -> dict[str, set[str]]:
    """The groups of a phase that get a gradient from each of its losses."""
    moved: dict[str, set[str]] = {}
    for phase in module.phases:
        for name, loss in phase.losses(module.network, module.loss, iteration_data()).items():
            moved[name] = set()
            for group in phase.groups if loss.requires_grad else ():
                gradients = torch.autograd.grad(
                    loss, module.parameter_group(group), allow_unused=True, retain_graph=True
                )
                if any(gradient is not None for gradient in gradients):
                    moved[name].add(group)
    return moved


def test_the_recipe_of_the_paper_takes_the_steps_of_algorithm_1() -> None:
    module = recipe_module("paper.yaml")
    assert moved_groups(module) == ALGORITHM_1
    assert [phase.name for phase in module.phases] == ["recognition", "transfer", "generator", "detector"]
    assert len(module.configure_optimizers()) == 4


def test_recipes_differ_in_what_they_make_of_outputs() -> None:
    paper, released = recipe_module("paper.yaml"), released_module()
    assert isinstance(paper.decoder.fusion, ProductFusion)
    assert isinstance(released.decoder.fusion, VideoCategoryFusion)
    for module, scale, mode, compared in ((paper, 1.0, "plain", "decoded"), (released, 0.1, "released", "encoded")):
        assert isinstance(module.network.head, AnchorHead)
        assert module.network.head.loss.centre_scale == module.network.head.loss.width_scale == scale
        assert isinstance(module.decoder.suppression, HardNMS)
        assert module.decoder.suppression.threshold == 0.9
        assert (module.decoder.top_categories, module.decoder.max_segments) == (1, 100)
        assert isinstance(module.network.context, GeneratedContexts)
        assert module.network.context.mode == mode
        assert module.network.head.loss.offset.compare == compared


@pytest.mark.parametrize(("setting", "step_size"), DECAY.items())
def test_settings_train_as_the_paper_says(setting: str, step_size: int) -> None:
    said: dict[str, Any] = yaml.safe_load((configs_folder() / setting).read_text(encoding="utf-8"))
    model, data = said["model"]["init_args"], said["data"]["init_args"]
    assert model["optimizer"] == {"class_path": "Adam", "init_args": {"lr": 0.0001}}
    assert model["scheduler"] == {"class_path": "StepLR", "init_args": {"step_size": step_size, "gamma": 0.1}}
    assert (said["iterations"], data["batch_size"]) == (15_000, 16)
    assert (data["contract"]["clip_length"], data["contract"]["snippet_stride"]) == (16, 8)
