from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.stored_backbone import OMITTED_KEY, is_omission, store_options
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.backbones.own_weights import may_download
from aher_lightning.models.backbones.pretrained_backbone import PretrainedBackbone
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.modules.localizer import LocalizerModule
from tests.helpers.toy import CATEGORIES, CHANNELS, ToyDataModule, toy_network
from tests.helpers.trained import configuration
from tests.helpers.training import quiet_trainer, toy_localizer

SCALE = {"value": 2.0, "downloads": True}
"""What the hub of the test has now, and whether loading asks it."""


class FromHub(PretrainedBackbone):
    """A frozen layer whose weights a hub has."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.name = "org/net"
        self.out_channels = CHANNELS
        self.network = nn.Linear(3, CHANNELS)
        self.freeze()

    def encode(self, clips: Tensor) -> Tensor:
        encoded: Tensor = self.network(clips.mean(dim=(2, 3, 4)))
        return encoded

    def fetch_weights(self, name: str) -> Mapping[str, Tensor]:
        if SCALE["downloads"] and not may_download():
            raise CheckpointError(f"FromHub: no {name} weights in the cache")
        return {"weight": torch.full((CHANNELS, 3), SCALE["value"]), "bias": torch.zeros(CHANNELS)}


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCALE, "value", 2.0)
    monkeypatch.setitem(SCALE, "downloads", False)


def trained(folder: Path, iterations: int = 1, *, resume: bool = False, **options: Any) -> LocalizerModule:
    torch.manual_seed(0)
    backbone = FromHub(**options)
    module = LocalizerModule(CATEGORIES, backbone=backbone, network=toy_network)
    module.configuration = configuration(
        backbone={"class_path": f"{__name__}.FromHub", "init_args": options}, network=_NETWORK
    )
    saving = IterationCheckpoint(frozen_backbone="omit")
    trainer = quiet_trainer(folder, iterations, callbacks=[saving])
    trainer.fit(module, ToyDataModule(), ckpt_path=folder / "last.ckpt" if resume else None)
    return module


_NETWORK = {
    "class_path": "aher_lightning.models.aher_net.AherNet",
    "init_args": {
        "length": 32,
        "pyramid": {
            "class_path": "aher_lightning.models.pyramid.TemporalPyramid",
            "init_args": {"stem_channels": [12, 12], "level_channels": [10, 10, 12, 12]},
        },
        "head": {
            "class_path": "aher_lightning.models.anchor_head.AnchorHead",
            "init_args": {"matching": {"foreground": 0.5, "match_best_anchor": True}},
        },
    },
}


def test_the_file_says_what_it_leaves_out_and_localization_finds_it(tmp_path: Path) -> None:
    module = trained(tmp_path)
    content = torch.load(tmp_path / "last.ckpt")
    assert not [name for name in content["state_dict"] if name.startswith("backbone.")]
    sha256 = fingerprint(module.backbone)
    assert content[STATE_KEY][OMITTED_KEY] == {
        "backbone": "FromHub",
        "weights": "org/net pretrained",
        "sha256": sha256,
    }
    restored = load_module(tmp_path / "last.ckpt", trust_plugins=True)
    assert fingerprint(restored.backbone) == sha256
    for name, value in module.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name]), name


def test_training_resumes_from_it(tmp_path: Path) -> None:
    trained(tmp_path)
    module = trained(tmp_path, 2, resume=True)
    assert module.iteration == 2
    assert OMITTED_KEY in torch.load(tmp_path / "last.ckpt")[STATE_KEY]


def test_missing_weights_are_named_and_not_downloaded(tmp_path: Path) -> None:
    trained(tmp_path)
    SCALE["downloads"] = True
    message = (
        r"last\.ckpt: leaves out its backbone FromHub 'org/net pretrained', which is not on this machine: FromHub: no"
    )
    with pytest.raises(CheckpointError, match=message) as caught:
        load_module(tmp_path / "last.ckpt", trust_plugins=True)
    assert "\n" not in str(caught.value)


def test_other_weights_of_the_same_name_are_refused(tmp_path: Path) -> None:
    module = trained(tmp_path)
    SCALE["value"] = 3.0
    with pytest.raises(
        CheckpointError, match=f"with the SHA-256 {fingerprint(module.backbone)}, but the weights of this"
    ):
        load_module(tmp_path / "last.ckpt", trust_plugins=True)


def test_a_backbone_that_changes_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'checkpoint\.frozen_backbone' is omit, but the backbone is not frozen, or"):
        trained(tmp_path, frozen=False)
    module = toy_localizer(backbone=FromHub())
    module.backbone.load_own_weights()
    module.omits_backbone = True
    with torch.no_grad():
        next(module.backbone.parameters()).add_(1)
    trainer = quiet_trainer(tmp_path)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "changed.ckpt")
    content = torch.load(tmp_path / "changed.ckpt")
    assert OMITTED_KEY not in content[STATE_KEY]
    assert "backbone.network.weight" in content["state_dict"]


def test_options_of_one_machine_are_not_stored(tmp_path: Path) -> None:
    backbone = FromHub(weights=str(tmp_path / "w.pth"))
    given = configuration(backbone={"class_path": "x.FromHub", "init_args": {"weights": "w.pth", "frozen": True}})
    stored = store_options(given, backbone)
    assert stored["init_args"]["backbone"] == {
        "class_path": "x.FromHub",
        "init_args": {"weights": None, "frozen": True},
    }
    assert given["init_args"]["backbone"]["init_args"]["weights"] == "w.pth"
    assert store_options({}, backbone) == {}
    assert store_options(given, FromHub()) == given


@pytest.mark.parametrize(
    "value", [None, {}, {"backbone": "a", "weights": "b"}, {"backbone": 1, "weights": "b", "sha256": "c"}]
)
def test_a_malformed_entry_is_no_omission(value: object) -> None:
    assert not is_omission(value)
    assert is_omission({"backbone": "a", "weights": "b", "sha256": "c"})
