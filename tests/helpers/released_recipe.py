"""Modules as the shipped recipes make them, at the size of toy data."""

from __future__ import annotations

from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser

from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.modules.aher import AherModule
from tests.helpers.toy import CATEGORIES

TOY_NETWORK = {"length": 32, "stem_channels": [12, 12], "level_channels": [10, 10, 12, 12]}


def recipe_module(name: str) -> AherModule:
    """Return AherNet as a recipe of configs/recipes makes it, for the toy data."""
    recipe = yaml.safe_load((configs_folder() / "recipes" / name).read_text(encoding="utf-8"))
    options: dict[str, Any] = recipe["model"]["init_args"]
    options["network"]["init_args"] |= TOY_NETWORK
    categories = {"class_path": "aher_lightning.structures.Categories", "init_args": vars(CATEGORIES)}
    backbone = {"class_path": "tests.helpers.toy.MeanBackbone"}
    model = {"class_path": "AherModule", "init_args": {**options, "categories": categories, "backbone": backbone}}
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(AherModule, "model")
    torch.manual_seed(0)
    module: AherModule = parser.instantiate_classes(parser.parse_object({"model": model})).model
    return module


def released_module() -> AherModule:
    """Return AherNet with all choices of the released code."""
    return recipe_module("released.yaml")
