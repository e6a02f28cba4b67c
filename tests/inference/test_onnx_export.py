from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.inference.onnx_export import DESCRIPTION_FILE, FILES, OPSET, describe, export_onnx
from aher_lightning.inference.onnx_graphs import BackboneGraph, LocalizerGraph
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.base import Backbone
from aher_lightning.models.transfer import IdentityTransfer, MLPTransfer
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.phased import PhasedModule
from tests.helpers.toy import CATEGORIES, CHANNELS, MOMENT, UNTRIMMED, toy_loss, toy_network
from tests.helpers.trained import small_localizer
from tests.helpers.training import small_contract, toy_classifier

TOLERANCE = 1e-4


def run(path: Path, **inputs: Tensor) -> list[Tensor]:
    """What onnxruntime computes."""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [torch.from_numpy(np.array(one)) for one in session.run(None, {k: v.numpy() for k, v in inputs.items()})]


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Equal to 1e-4 of the largest value; what is not finite must be equal."""
    is_finite = theirs.isfinite()
    assert torch.equal(ours.isfinite(), is_finite)
    scale = max(1.0, float(theirs[is_finite].abs().max()))
    assert float((ours[is_finite] - theirs[is_finite]).abs().max()) <= TOLERANCE * scale


def with_contract(module: PhasedModule) -> PhasedModule:
    module.contract = small_contract(clip_length=8, resize=12, crop=12)
    return module.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[PhasedModule, Path]:
    module, folder = with_contract(small_localizer()), tmp_path_factory.mktemp("onnx") / "model"
    export_onnx(module, folder)
    return module, folder


@torch.no_grad()
@pytest.mark.parametrize("count", [1, 2, 7])
def test_another_runtime_computes_the_same(exported: tuple[PhasedModule, Path], count: int) -> None:
    module, folder = exported
    clips, features = torch.randn(count, 3, 8, 12, 12), torch.rand(count, CHANNELS, 32)
    (encoded,) = run(folder / FILES[0], clips=clips)
    assert_close(encoded, BackboneGraph(module.backbone)(clips))
    for ours, theirs in zip(
        run(folder / FILES[1], features=features), LocalizerGraph(module)(features).values(), strict=True
    ):
        assert ours.shape == theirs.shape
        assert_close(ours.double(), theirs.double())


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("transfer", [IdentityTransfer, lambda width: MLPTransfer(width, layers=1, activation="relu")])
def test_every_transfer_is_exported_as_what_it_makes(transfer: Callable[[int], Any], tmp_path: Path) -> None:
    module = LocalizerModule(
        CATEGORIES,
        backbone=small_localizer().backbone,
        network=lambda *sizes: toy_network(*sizes, transfer=transfer),
        loss=toy_loss(),
    )
    export_onnx(with_contract(module), tmp_path / "model")
    features = torch.rand(3, CHANNELS, 32)
    for ours, theirs in zip(
        run(tmp_path / "model" / FILES[1], features=features), LocalizerGraph(module)(features).values(), strict=True
    ):
        assert_close(ours.double(), theirs.double())


@torch.no_grad()
@pytest.mark.slow
def test_p3d_is_exported_for_any_number_of_clips(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = LocalizerModule(CATEGORIES, backbone=P3D(63), network=toy_network, loss=toy_loss())
    module.contract = small_contract(clip_length=16, resize=32, crop=32)
    export_onnx(module.eval(), tmp_path / "model")
    for count in (1, 3):
        clips = torch.randn(count, 3, 16, 32, 32)
        assert_close(run(tmp_path / "model" / FILES[0], clips=clips)[0], module.backbone(clips))


def test_the_files_say_which_operators_they_use(exported: tuple[PhasedModule, Path]) -> None:
    onnx = pytest.importorskip("onnx")
    for name in FILES:
        model = onnx.load(exported[1] / name)
        assert [one.version for one in model.opset_import if one.domain in {"", "ai.onnx"}] == [OPSET]
    assert sorted(path.name for path in exported[1].iterdir()) == sorted([*FILES, DESCRIPTION_FILE])


def test_the_description_tells_what_a_program_needs(exported: tuple[PhasedModule, Path]) -> None:
    module, folder = exported
    content = json.loads((folder / DESCRIPTION_FILE).read_text())
    with torch.no_grad():
        said = LocalizerGraph(module)(torch.rand(1, CHANNELS, 32))
    assert content == json.loads(json.dumps(describe(module, said)))
    assert content["categories"] == [{"name": name, "provenance": "moment"} for name in MOMENT]
    assert content["opset"] == OPSET
    assert content["contract"]["crop"] == 12
    outputs = content["files"][FILES[1]]["outputs"]
    assert list(outputs) == ["segments", "scores", "labels", "probabilities"]
    assert outputs["probabilities"] == ["B", 45, len(MOMENT)]
    assert content["files"][FILES[0]]["inputs"] == {"clips": ["N", 3, 8, 12, 12]}
    assert UNTRIMMED[0] not in json.dumps(content)


class FixedBackbone(Backbone):
    """Takes the number of clips for a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = CHANNELS
        self.linear = nn.Linear(3, CHANNELS)

    def forward(self, clips: Tensor) -> Tensor:
        means: Tensor = self.linear(clips.mean(dim=(2, 3, 4)))
        return means.reshape(len(clips), CHANNELS)


@pytest.mark.slow
def test_a_graph_of_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    module = LocalizerModule(CATEGORIES, backbone=FixedBackbone(), network=toy_network, loss=toy_loss())
    with pytest.raises(CheckpointError, match=r"backbone\.onnx: the network (fixes the number|cannot be expressed)"):
        export_onnx(with_contract(module), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_localizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a SnippetClassifierModule is no localizer"):
        export_onnx(toy_classifier(), tmp_path / "model")


@pytest.mark.usefixtures("no_extras")
def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'export to ONNX needs .*: pip install "aher-lightning\[export\]"'):
        export_onnx(small_localizer(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
