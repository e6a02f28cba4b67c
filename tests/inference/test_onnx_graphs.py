from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from aher_lightning.inference.add_category import add_categories
from aher_lightning.inference.onnx_graphs import BackboneGraph, LocalizerGraph
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.suppression import HardNMS
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import Categories, EvaluatedSet
from tests.helpers.added import remembering_checkpoint, write_clips
from tests.helpers.toy import CHANNELS, MOMENT, UNTRIMMED, MeanBackbone
from tests.helpers.trained import small_localizer


def random_features(count: int = 3) -> Tensor:
    return torch.rand(count, CHANNELS, 32, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def check(module: PhasedModule) -> None:
    """The graph's outputs make the detections of the module."""
    module.decoder = DetectionDecoder(suppression=HardNMS(1.0))  # moves no segment
    features, durations_sec = random_features(), torch.tensor([10.0, 20.0, 5.0], dtype=torch.float64)
    evaluated = module.categories.evaluated
    expected = module.decoder(module.network(features, evaluated), module.network.head, durations_sec)
    outputs = LocalizerGraph(module).eval()(features)
    assert list(outputs) == ["segments", "scores", "labels", "probabilities"]
    segments, scores, labels, probabilities = outputs.values()
    assert probabilities.shape == (3, 45, len(module.categories.names))
    torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(3, segments.shape[1]))
    categories = min(3, len(module.categories.names))
    assert scores.shape == labels.shape == (3, 45, categories)
    for row, one in enumerate(expected):
        best = scores[row, :, 0].argsort(descending=True, stable=True)[0]
        assert labels[row, best, 0] == one.labels[0]
        torch.testing.assert_close(scores[row, best, 0], one.scores[0])
        torch.testing.assert_close(segments[row, best].double() * durations_sec[row], one.segments[0])


@pytest.mark.parametrize("evaluated", ["untrimmed", "moment", "all"])
def test_a_graph_says_what_the_module_says(evaluated: EvaluatedSet) -> None:
    check(small_localizer(Categories(UNTRIMMED, MOMENT, evaluated)).eval())


def test_added_categories_are_part_of_the_graph(tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=2, yawn=2)
    add_categories(remembering_checkpoint(tmp_path), moments, tmp_path / "more.ckpt")
    module = load_module(tmp_path / "more.ckpt")
    assert isinstance(module, PhasedModule)
    assert module.categories.names == [*MOMENT, "bow", "yawn"]
    check(module)


@torch.no_grad()
@pytest.mark.parametrize("backbone", [P3DSmall(), MeanBackbone()])
def test_clips_become_the_features_of_the_backbone(backbone: P3DSmall | MeanBackbone) -> None:
    clips = torch.rand(5, 3, 16, 24, 24)
    backbone.eval()
    torch.testing.assert_close(BackboneGraph(backbone)(clips), backbone(clips))
