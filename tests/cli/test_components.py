from __future__ import annotations

import subprocess
import sys
from abc import ABC
from collections.abc import Callable
from inspect import isclass
from typing import get_args, get_origin, get_type_hints

from jsonargparse import ArgumentParser

from aher_lightning.cli import components
from aher_lightning.cli.components import KINDS, class_names
from aher_lightning.models import base
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.base import Backbone
from aher_lightning.video.reader import VideoReader
from tests.helpers.toy import MeanBackbone


def test_short_names_are_known() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--backbone", type=Backbone)
    parser.add_argument("--reader", type=VideoReader)
    parsed = parser.parse_args(["--backbone=P3DSmall", "--reader=TorchCodecReader"])
    assert parsed.backbone.class_path == "aher_lightning.models.P3DSmall"
    assert parsed.reader.class_path == "aher_lightning.video.TorchCodecReader"


def test_packages_import_their_classes() -> None:
    names = [f"aher_lightning.{name}" for name in components.__all__]
    program = f"import sys, aher_lightning.cli.components; assert set({names}) <= sys.modules.keys()"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert [vars(components)[name].__name__ for name in components.__all__] == names


def test_every_base_of_the_network_is_a_kind() -> None:
    bases = {one for one in vars(base).values() if isclass(one) and ABC in one.__bases__}
    assert bases <= {one for kind in KINDS for one in kind.bases}
    assert len(bases) >= 9


def test_a_kind_knows_how_many_arguments_the_network_gives() -> None:
    by_option = {kind.option: kind for kind in KINDS}
    for name, hint in get_type_hints(AherNet.__init__).items():
        factories = [one for one in (hint, *get_args(hint)) if get_origin(one) is Callable]
        for arguments, made in map(get_args, factories):
            kind = by_option[f"'{name}' of AherNet"]
            assert (kind.bases, kind.given) == ((made,), len(arguments))


def test_kinds_list_the_classes_that_can_be_used() -> None:
    listed = {kind.name: [one.__name__ for one in kind.classes()] for kind in KINDS}
    assert listed["Head"] == ["AnchorHead"]
    assert listed["WeightTransfer"] == ["IdentityTransfer", "MLPTransfer"]
    assert {"AherModule", "SnippetClassifierModule"} <= {*listed["BaseModule"]}
    assert not {"PhasedModule", "MixedDataModule", "StagedBackbone"} & {
        one for names in listed.values() for one in names
    }
    assert all(listed.values())


def test_names_of_plug_ins_and_libraries_are_known() -> None:
    names = class_names()
    assert {"AherNet", "AnchorHead", "Adam", "MultiStepLR", "CSVLogger", MeanBackbone.__name__} <= {*names}
    assert not {"Backbone", "Optimizer_"} & {*names}
    assert len(names) == len({*names})
