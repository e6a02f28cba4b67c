from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import ContractError
from aher_lightning.models.backbones.precomputed import PrecomputedFeatures
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.provenance import check_backbone, check_maker, check_options, made_by
from aher_lightning.structures import InputSpec
from aher_lightning.video.contract import TemporalContract
from tests.helpers.toy import CATEGORIES, EveryNth, ToyDataModule, toy_network
from tests.helpers.training import quiet_trainer, train

CONTRACT = TemporalContract(fps=10.0)


class SmallPictures(EveryNth):
    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(size=32)


def module_of(every: int) -> LocalizerModule:
    torch.manual_seed(0)
    return LocalizerModule(CATEGORIES, backbone=EveryNth(every), network=toy_network)


def test_a_backbone_signs_what_it_makes() -> None:
    signed = made_by(CONTRACT, EveryNth(2))
    assert (signed.backbone, signed.backbone_options) == ("EveryNth", '{"every": 2}')
    assert signed.weights_sha256 == fingerprint(EveryNth(7))  # which is why the weights alone do not tell
    check_backbone(signed, EveryNth(2))
    check_backbone(CONTRACT, EveryNth(2))


def test_features_of_other_options_are_refused_in_one_line() -> None:
    message = (
        r"^backbone_options: EveryNth has \{\"every\": 4\} in the features and \{\"every\": 2\} in the module; use"
    )
    with pytest.raises(ContractError, match=message) as caught:
        check_backbone(made_by(CONTRACT, EveryNth(4)), EveryNth(2))
    assert "\n" not in str(caught.value)
    check_options(replace(made_by(CONTRACT, EveryNth(4)), backbone_options=""), EveryNth(2), ("here", "there"))


def test_training_does_not_start_on_features_of_other_options(tmp_path: Path) -> None:
    data = ToyDataModule(contract=replace(made_by(CONTRACT, EveryNth(4)), weights_sha256=""))
    with pytest.raises(ContractError, match=r"has \{\"every\": 4\} in the features"):
        quiet_trainer(tmp_path).fit(module_of(2), data)


def test_training_does_not_start_on_clips_of_another_size(tmp_path: Path) -> None:
    module = LocalizerModule(CATEGORIES, backbone=SmallPictures(), network=toy_network)
    with pytest.raises(ContractError, match=r"SmallPictures wants crop 32 and data\.contract says 160; leave"):
        train(module, tmp_path)


def test_a_checkpoint_of_other_options_is_refused() -> None:
    module, checkpoint = module_of(4), dict[str, object]()
    module.contract = CONTRACT
    module.on_save_checkpoint(checkpoint)
    module_of(4).on_load_checkpoint(checkpoint)
    with pytest.raises(ContractError, match=r"\{\"every\": 4\} in the checkpoint and \{\"every\": 2\} in the conf"):
        module_of(2).on_load_checkpoint(checkpoint)


def test_precomputed_features_keep_their_contract_and_are_compared_with_it() -> None:
    backbone = PrecomputedFeatures(3)
    made = made_by(CONTRACT, EveryNth(2))
    assert made_by(made, backbone) == made
    check_backbone(made, backbone)
    check_maker(CONTRACT, made, backbone)
    check_maker(made, made, backbone)
    with pytest.raises(
        ContractError, match=r"weights_sha256 is .* in the checkpoint and 'ab' in the data; use the feat"
    ):
        check_maker(made, replace(made, weights_sha256="ab"), backbone)
