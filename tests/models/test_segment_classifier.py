from __future__ import annotations

import torch
from torch.nn import functional

from aher_lightning.models.segment_classifier import SegmentClassifier


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
    classifier = SegmentClassifier((4,), 2)
    torch.autograd.backward(classifier([torch.randn(3, 4, 5)]).square().sum())
    for parameter in classifier.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
