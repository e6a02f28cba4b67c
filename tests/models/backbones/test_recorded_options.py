from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonargparse import ArgumentParser

from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.base import Backbone
from tests.helpers.toy import EveryNth


class Wrapped(EveryNth):
    def __init__(self, shift: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.shift = shift


def test_options_that_are_not_at_their_defaults_are_told() -> None:
    assert EveryNth().feature_options == EveryNth(1, sizes=[1, 2]).feature_options == "{}"
    assert EveryNth(2).feature_options == EveryNth(every=2).feature_options == '{"every": 2}'
    assert json.loads(EveryNth(place=Path("a") / "b").feature_options) == {"place": "a/b"}
    assert json.loads(Wrapped(0.5, every=4).feature_options) == {"every": 4, "shift": 0.5}
    assert Wrapped(every=1).feature_options == "{}"  # a default of the base, given by a parser


def test_they_do_not_depend_on_order_or_sequence_type() -> None:
    one, other = EveryNth(3, sizes=[5]), EveryNth(sizes=(5,), every=3)
    assert one.feature_options == other.feature_options == '{"every": 3, "sizes": [5]}'


def test_options_that_change_no_feature_are_left_out() -> None:
    assert P3DSmall(frozen_stages=1, clips_per_chunk=4, gradient_fraction=0.5).feature_options == "{}"
    assert P3DSmall(stage_channels=(8, 8, 8)).feature_options == '{"stage_channels": [8, 8, 8]}'
    assert P3DSmall(frozen_stages=1).given_options == {"frozen_stages": 1}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_keep_them(duplicate: Any) -> None:
    copied = duplicate(EveryNth(4))
    assert copied.feature_options == '{"every": 4}'
    assert torch.equal(copied.scale, torch.ones(3))


def test_wrong_arguments_are_reported_by_the_constructor() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'evry'"):
        EveryNth(evry=2)  # type: ignore[call-arg]


def test_the_parser_still_sees_the_options_of_a_plug_in() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Backbone, "backbone")
    name = f"{EveryNth.__module__}.EveryNth"
    parsed = parser.parse_object({"backbone": {"class_path": name, "init_args": {"every": 2}}})
    assert parser.instantiate(parsed).backbone.feature_options == '{"every": 2}'
