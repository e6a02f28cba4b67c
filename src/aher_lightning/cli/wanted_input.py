"""Fill the temporal contract of the data from the backbone of the configuration, before anything is built."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import torch
from jsonargparse import ArgumentParser, Namespace

from aher_lightning.models.backbones.wanted_clips import check_clips, wanted_fields
from aher_lightning.models.base import Backbone
from aher_lightning.structures import InputSpec
from aher_lightning.video.contract import STANDARD


def fill_contract(data: object, backbone: object) -> None:
    """Fill what the user left open of the data's temporal contract: from the backbone, else with standard values.

    Args:
        data: Configuration of a data module; others than ours, without a contract, are left alone.
        backbone: Configuration of a backbone, if there is one.

    Raises:
        ContractError: If the user has chosen what the backbone cannot take.
        AherError: If the backbone cannot be built, such as without its package.
    """
    contract = _part(_part(data, "init_args"), "contract")
    if not isinstance(contract, Namespace):
        return
    spec = read_spec(backbone)
    wanted = {} if spec is None else wanted_fields(spec)
    if spec is not None:
        check_clips(contract.as_dict(), spec, str(_part(backbone, "class_path")).rpartition(".")[2])
    for name, value in {**STANDARD, **wanted}.items():
        if contract.get(name) is None:
            contract[name] = value


def read_spec(backbone: object) -> InputSpec | None:
    """Return what the backbone of a configuration wants; builds it without memory for weights, if it wants anything."""
    class_path = _part(backbone, "class_path")
    if not isinstance(class_path, str):
        return None
    module, _, name = class_path.rpartition(".")
    kind = getattr(import_module(module), name)
    if not issubclass(kind, Backbone) or kind.input_spec is Backbone.input_spec:
        return None
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Backbone, "backbone")
    with torch.device("meta"):
        asked = Namespace(backbone=backbone)  # type: ignore[no-untyped-call]
        built = parser.instantiate_classes(asked).backbone
    spec: InputSpec | None = built.input_spec
    return spec


def _part(configuration: object, name: str) -> object:
    """A part of a configuration; ``None`` if there is no such part."""
    return configuration.get(name) if isinstance(configuration, (Namespace, Mapping)) else None
