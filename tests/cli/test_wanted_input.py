from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from jsonargparse import Namespace

from aher_lightning.cli.main import main
from aher_lightning.cli.wanted_input import fill_contract, read_spec
from aher_lightning.errors import ContractError
from aher_lightning.structures import InputSpec
from aher_lightning.video.contract import STANDARD, TemporalContract
from tests.helpers.command_line import trainer_words
from tests.helpers.toy import EveryNth

FIELDS = ("fps", *STANDARD)


class Wishes(EveryNth):
    """Wants more frames the fewer of them it uses."""

    made: ClassVar[list[torch.device]] = []

    @property
    def input_spec(self) -> InputSpec:
        self.made.append(self.scale.device)
        return InputSpec(frames=8 * self.every, size=24, fps=12.0)


def space(**values: object) -> Namespace:
    return Namespace(**values)  # type: ignore[no-untyped-call]


def configured(**said: object) -> tuple[Namespace, Namespace]:
    contract = space(**dict.fromkeys(FIELDS))
    for name, value in said.items():
        contract[name] = value
    backbone = space(class_path=f"{__name__}.Wishes", init_args=space(every=2))
    return space(class_path="a.Data", init_args=space(contract=contract)), backbone


def test_what_the_user_left_open_comes_from_the_backbone() -> None:
    data, backbone = configured(snippet_stride=3)
    fill_contract(data, backbone)
    contract = TemporalContract(**data.init_args.contract.as_dict())
    assert (contract.fps, contract.clip_length, contract.snippet_stride, contract.crop) == (12.0, 16, 3, 24)
    assert contract.mean == STANDARD["mean"]


def test_the_backbone_is_asked_without_making_its_weights() -> None:
    Wishes.made.clear()
    assert read_spec(configured()[1]) == InputSpec(frames=16, size=24, fps=12.0)
    assert {device.type for device in Wishes.made} == {"meta"}


def test_a_backbone_without_wishes_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(EveryNth, "__init__", fail)
    data, _ = configured(fps=10.0)
    fill_contract(data, space(class_path="tests.helpers.toy.EveryNth", init_args=space()))
    assert TemporalContract(**data.init_args.contract.as_dict()) == TemporalContract(fps=10.0)


def test_what_the_user_chose_is_not_overridden_but_compared() -> None:
    data, backbone = configured(fps=5.0, crop=24)
    fill_contract(data, backbone)
    assert data.init_args.contract.fps == 5.0
    with pytest.raises(ContractError, match=r"^Wishes wants crop 24 and data\.contract says 32; leave these"):
        fill_contract(configured(crop=32)[0], backbone)


@pytest.mark.parametrize("data", [None, space(class_path="a.Data"), space(init_args=space(contract=None))])
def test_other_data_is_left_alone(data: object) -> None:
    before = deepcopy(data)
    fill_contract(data, configured()[1])
    assert data == before
    fill_contract(data, None)
    assert data == before


def test_training_refuses_a_contradiction_while_it_reads_its_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*trainer_words("fit", tmp_path / "missing", tmp_path), f"--model.backbone={__name__}.Wishes"]
    assert main([*words, "--data.contract.crop=20"]) == 1
    shown = " ".join(capsys.readouterr().err.split())
    assert "aher fit: Wishes wants crop 24 and data.contract says 20; leave" in shown
