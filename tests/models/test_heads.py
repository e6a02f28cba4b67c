from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from aher_lightning.models.heads import LocalizationHead, SegmentClassifier


@pytest.mark.parametrize("use_actionness", [True, False])
@pytest.mark.parametrize("cells", [1, 2, 7])
def test_head_shapes(cells: int, use_actionness: bool) -> None:
    outputs = LocalizationHead(4, 3, use_actionness=use_actionness)(torch.randn(2, 4, cells))
    assert outputs.offsets.shape == (2, cells * 3, 2)
    assert outputs.overlaps.shape == (2, cells * 3)
    assert ((outputs.overlaps > 0) & (outputs.overlaps < 1)).all()
    if use_actionness:
        assert outputs.actionness is not None
        assert outputs.actionness.shape == (2, cells * 3, 2)
    else:
        assert outputs.actionness is None


def test_head_orders_anchors_by_cell_then_ratio() -> None:
    head = LocalizationHead(1, 2)
    with torch.no_grad():
        head.convolution.weight.zero_()
        assert head.convolution.bias is not None
        head.convolution.bias.copy_(torch.arange(10.0))
        head.convolution.weight[:, 0, 1] = 100.0
    outputs = head(torch.tensor([[[0.0, 1.0]]]))
    assert outputs.offsets[0].tolist() == [[0.0, 1.0], [2.0, 3.0], [100.0, 101.0], [102.0, 103.0]]
    torch.testing.assert_close(outputs.overlaps[0, :2], torch.tensor([4.0, 5.0]).sigmoid())
    assert outputs.actionness is not None
    assert outputs.actionness[0].tolist() == [[6.0, 7.0], [8.0, 9.0], [106.0, 107.0], [108.0, 109.0]]


def test_untrained_head_leaves_the_anchors_in_place() -> None:
    torch.manual_seed(0)
    outputs = LocalizationHead(64, 3)(torch.rand(8, 64, 16))
    assert outputs.offsets.abs().mean() < 0.2
    assert (outputs.overlaps - 0.5).abs().mean() < 0.05


def test_classifier_is_linear_on_the_average_of_each_level() -> None:
    torch.manual_seed(0)
    classifier = SegmentClassifier((4, 6), 5)
    levels = [torch.randn(2, 4, 8), torch.randn(2, 6, 3)]
    logits = classifier(levels)
    assert logits.shape == (2, 2, 5)
    for level, features in enumerate(levels):
        expected = functional.linear(features.mean(dim=2), classifier.weights(level), classifier.biases(level))
        torch.testing.assert_close(logits[level], expected)


def test_classifier_exposes_its_own_parameters() -> None:
    classifier = SegmentClassifier((4, 6), 5)
    exposed = [classifier.weights(0), classifier.biases(0), classifier.weights(1), classifier.biases(1)]
    assert {id(tensor) for tensor in exposed} == {id(parameter) for parameter in classifier.parameters()}
    assert classifier.weights(1).shape == (5, 6)
    assert classifier.biases(1).tolist() == [0.0] * 5
    assert classifier.weights(0).abs().max() <= 0.5


def test_empty_category_set_gives_no_logits() -> None:
    assert SegmentClassifier((4,), 0)([torch.randn(3, 4, 2)]).shape == (1, 3, 0)


def test_gradients_reach_every_parameter() -> None:
    classifier, head = SegmentClassifier((4,), 2), LocalizationHead(4, 2)
    features = torch.randn(3, 4, 5)
    outputs = head(features)
    assert outputs.actionness is not None
    terms = (classifier([features]), outputs.offsets, outputs.overlaps, outputs.actionness)
    torch.autograd.backward(torch.stack([term.square().sum() for term in terms]).sum())
    for parameter in [*classifier.parameters(), *head.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
