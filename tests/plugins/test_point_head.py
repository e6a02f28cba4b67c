"""A head of another package goes through every command, without a line for it in this one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.inference.onnx_export import DESCRIPTION_FILE, FILES
from aher_lightning.inference.onnx_graphs import LocalizerGraph
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.reports.predictions.reader import read_predictions
from tests.helpers.command_line import CONFIGS, TrainedRun, trainer_words
from tests.plugins.point_head import PointHead

OVERLAY = Path(__file__).with_name("point_head.yaml")
HEAD = "tests.plugins.point_head.PointHead"


def words(verb: str, run: TrainedRun, output: Path, *more: str) -> list[str]:
    said = [*trainer_words(verb, run.data, output), f"--config={OVERLAY}"]
    return [*said, run.cached, f'--model.init_args.initial_weights=["{run.folder}/recognition/last.ckpt"]', *more]


@pytest.fixture(scope="module")
def checkpoint(trained_run: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained for two iterations, and validated after them."""
    folder = tmp_path_factory.mktemp("points")
    assert main(words("fit", trained_run, folder)) == 0
    return folder / "last.ckpt"


def test_the_overlay_is_the_one_that_the_documents_show() -> None:
    page = (CONFIGS.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert OVERLAY.read_text(encoding="utf-8").partition("model:")[2] in page
    assert HEAD in page


def test_it_trains_and_is_part_of_the_checkpoint(checkpoint: Path) -> None:
    content = read_checkpoint(checkpoint)
    network = content[STATE_KEY]["configuration"]["init_args"]["network"]
    assert network["init_args"]["head"] == {"class_path": HEAD, "init_args": {"reach": 2.0}}
    assert content["state_dict"]["network.head.levels.0.weight"].shape == (3, 10, 3)


def test_a_resumed_run_equals_the_uninterrupted_one(trained_run: TrainedRun, checkpoint: Path, tmp_path: Path) -> None:
    def fit(name: str, *options: str) -> dict[str, Tensor]:
        assert main(words("fit", trained_run, tmp_path / name, "--iterations=3", *options)) == 0
        weights: dict[str, Tensor] = read_checkpoint(tmp_path / name / "last.ckpt")["state_dict"]
        return weights

    whole, resumed = fit("whole"), fit("resumed", f"--ckpt_path={checkpoint}")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_it_is_evaluated_and_localizes(trained_run: TrainedRun, checkpoint: Path, tmp_path: Path) -> None:
    assert main(words("validate", trained_run, tmp_path, f"--ckpt_path={checkpoint}")) == 0
    assert main(words("test", trained_run, tmp_path, f"--ckpt_path={checkpoint}")) == 0
    video = trained_run.data / "videos" / "am_val_00001.mp4"
    localize = ["localize", str(video), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}"]
    assert main(localize) == 1  # runs no code of others unless told
    assert main([*localize, "--trust-plugins", "--formats=json"]) == 0
    (localized,) = read_predictions(tmp_path / "out" / "am_val_00001.json").detections.values()
    tested = read_predictions(tmp_path / "predictions.json").detections["am_val_00001"]
    assert len(localized.scores) > 0
    assert (localized.segments[:, 1] > localized.segments[:, 0]).all()
    torch.testing.assert_close(localized.scores[:5], tested.scores[:5], atol=1e-4, rtol=0)


@torch.no_grad()
def test_it_is_exported_with_an_output_of_its_own(checkpoint: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    export = ["export", f"--checkpoint={checkpoint}", f"--output={tmp_path / 'onnx'}", "--format=onnx"]
    assert main([*export, "--trust-plugins"]) == 0
    outputs = json.loads((tmp_path / "onnx" / DESCRIPTION_FILE).read_text())["files"][FILES[1]]["outputs"]
    assert list(outputs) == ["segments", "scores", "labels", "probabilities", "quality"]
    assert outputs["quality"] == ["B", 15]
    module = load_module(checkpoint, trust_plugins=True).eval()
    assert isinstance(module, PhasedModule)
    features = torch.rand(3, module.backbone.out_channels, 32)
    session = runtime.InferenceSession(tmp_path / "onnx" / FILES[1], providers=["CPUExecutionProvider"])
    found = session.run(list(outputs), {"features": features.numpy()})
    for ours, theirs in zip(found, LocalizerGraph(module)(features).values(), strict=True):
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-5)


def test_points_learn_their_instances_and_nothing_else() -> None:
    head = PointHead([4, 4], [4, 2])
    # The ends of a long instance are within reach of the coarse level alone.
    segments = torch.tensor([[[0.0, 0.9], [0.6, 0.7]], [[0.0, 0.0], [0.0, 0.0]]])
    targets = head.match(segments, torch.tensor([[1, 0], [-1, -1]]))
    assert targets.is_foreground.tolist() == [[False, False, True, False, True, True], [False] * 6]
    assert targets.instances[0].tolist() == [0, 0, 1, 1, 0, 0]
    assert targets.is_background.tolist() == [[False] * 6, [True] * 6]
    outputs = {"logits": torch.zeros(2, 6), "distances": torch.ones(2, 6, 2)}
    decoded = head.decode(outputs)
    assert decoded.segments[0, [0, 4]].tolist() == [[0.0, 0.375], [0.0, 0.75]]
    assert (decoded.quality == 0.5).all()


def test_a_point_head_learns() -> None:
    torch.manual_seed(0)
    head, levels = PointHead([4, 4], [8, 4]), [torch.rand(2, 4, 8), torch.rand(2, 4, 4)]
    targets = head.match(torch.tensor([[[0.1, 0.4]], [[0.5, 0.9]]]), torch.tensor([[0], [1]]))
    optimizer, losses = torch.optim.Adam(head.parameters(), lr=0.03), []
    for _ in range(100):
        losses.append(head.proposal_loss(head(levels), targets))
        optimizer.zero_grad()
        losses[-1].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses[-1] < 0.3 * losses[0]


def test_no_instances_are_no_error() -> None:
    head = PointHead([4], [4])
    targets = head.match(torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.int64))
    assert targets.is_background.all()
    assert head.proposal_loss(head([torch.rand(2, 4, 4)]), targets).isfinite()
