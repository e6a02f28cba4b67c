from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.pretrained_backbone import PretrainedBackbone
from aher_lightning.models.fingerprint import fingerprint


class Scaled(PretrainedBackbone):
    """Mean colours, normalized and scaled."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.out_channels = 3
        self.network = nn.BatchNorm1d(3)
        self.seen: list[int] = []
        self.freeze()

    def encode(self, clips: Tensor) -> Tensor:
        self.seen.append(len(clips))
        scaled: Tensor = self.network(clips.mean(dim=(2, 3, 4)))
        return scaled

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        assert name == "pretrained"
        return {**nn.BatchNorm1d(3).state_dict(), "weight": torch.full((3,), 2.0)}


def test_frozen_networks_never_change() -> None:
    backbone = Scaled().train()
    before = fingerprint(backbone)
    features = backbone(torch.randn(5, 3, 2, 4, 4))
    assert not features.requires_grad
    assert not backbone.network.training
    assert fingerprint(backbone) == before


def test_others_learn_and_see_all_clips_at_once_meanwhile() -> None:
    backbone = Scaled(frozen=False, clips_per_chunk=2).train()
    assert backbone(torch.randn(5, 3, 2, 4, 4)).requires_grad
    backbone.eval()(torch.randn(5, 3, 2, 4, 4))
    assert backbone.seen == [5, 2, 2, 1]


def test_chunks_do_not_change_features_and_no_clips_have_none() -> None:
    clips = torch.randn(5, 3, 2, 4, 4)
    torch.testing.assert_close(Scaled(clips_per_chunk=2)(clips), Scaled(clips_per_chunk=5)(clips))
    assert Scaled()(clips[:0]).shape == (0, 3)
    assert Scaled(frozen=False, clips_per_chunk=2).feature_options == "{}"


def test_weights_by_name_from_a_file_or_none(tmp_path: Path) -> None:
    named = Scaled()
    assert named.brings_weights
    named.load_own_weights()
    assert named.network.state_dict()["weight"].tolist() == [2.0, 2.0, 2.0]
    torch.save({**named.network.state_dict(), "weight": torch.full((3,), 3.0)}, tmp_path / "w.pth")
    local = Scaled(weights=str(tmp_path / "w.pth"))
    local.load_own_weights()
    assert local.network.state_dict()["weight"].tolist() == [3.0, 3.0, 3.0]
    random = Scaled(weights=None)
    assert not random.brings_weights
    random.load_own_weights()
    assert random.network.state_dict()["weight"].tolist() == [1.0, 1.0, 1.0]


def test_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    right = Scaled()
    right.load_own_weights()
    Scaled(weights_sha256=right.own_sha256).load_own_weights()
    with pytest.raises(
        CheckpointError, match=f"'pretrained' have the SHA-256 {right.own_sha256}, not 00; give"
    ) as caught:
        Scaled(weights_sha256="00").load_own_weights()
    assert "\n" not in str(caught.value)
    with pytest.raises(CheckpointError, match=r"none\.pth: no such checkpoint"):
        Scaled(weights=str(tmp_path / "none.pth")).load_own_weights()


def test_places_of_this_machine_are_not_stored(tmp_path: Path) -> None:
    assert Scaled().stored_options() == Scaled(weights=None).stored_options() == {}
    assert Scaled(weights=str(tmp_path / "w.pth")).stored_options() == {"weights": None}


def test_only_frozen_weights_with_a_name_can_be_fetched_again(tmp_path: Path) -> None:
    backbone = Scaled()
    assert backbone.fetchable_sha256 == ""
    backbone.load_own_weights()
    assert backbone.fetchable_sha256 == fingerprint(backbone)
    torch.save(backbone.network.state_dict(), tmp_path / "w.pth")
    for other in (Scaled(frozen=False), Scaled(weights=str(tmp_path / "w.pth")), Scaled(weights=None)):
        other.load_own_weights()
        assert other.fetchable_sha256 == ""


def test_a_chunk_has_clips() -> None:
    with pytest.raises(ConfigError, match="'clips_per_chunk' is 0, but must be at least 1"):
        Scaled(clips_per_chunk=0)
