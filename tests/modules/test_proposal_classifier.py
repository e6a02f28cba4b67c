from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.models.postprocess import DetectionDecoder
from aher_lightning.models.suppression import HardNMS
from aher_lightning.modules.proposal_classifier import ProposalClassifierModule
from aher_lightning.structures import SnippetSequences
from tests.helpers.toy import CATEGORIES, CHANNELS, MeanBackbone, ToyDataModule, toy_network
from tests.helpers.training import quiet_trainer, toy_classifier, toy_localizer, train, untrimmed_batch


def module(**options: Any) -> ProposalClassifierModule:
    torch.manual_seed(0)
    return ProposalClassifierModule(CATEGORIES, backbone=MeanBackbone(), network=toy_network, **options).eval()


def features(count: int = 2) -> SnippetSequences:
    values = torch.randn(count * 10, CHANNELS, generator=torch.Generator().manual_seed(0))
    return SnippetSequences(values, torch.full((count,), 10), torch.full((count,), 0.05), torch.full((count,), 0.1))


DURATIONS = torch.tensor([20.0, 40.0], dtype=torch.float64)


@pytest.mark.parametrize("proposals", ["network", "random"])
@torch.no_grad()
def test_detections_lie_within_their_videos(proposals: str) -> None:
    found = module(proposals=proposals).detect(features(), DURATIONS)
    assert len(found) == 2
    for one, duration in zip(found, DURATIONS, strict=True):
        assert len(one.scores) > 0
        assert one.segments.min() >= 0
        assert one.segments.max() <= duration
        assert (one.segments[:, 1] > one.segments[:, 0]).all()
        assert (one.scores.diff() <= 0).all()
        assert one.labels.max() < len(CATEGORIES.moment)


@torch.no_grad()
def test_a_proposal_is_labelled_by_the_mean_probability_over_it() -> None:
    judge = module(proposals="random", num_random=1)
    torch.nn.init.zeros_(judge.moment_classifier.weight)
    judge.moment_classifier.bias.copy_(torch.tensor([0.0, 3.0, 1.0]))
    (found, _) = judge.detect(features(), DURATIONS)
    assert found.labels.tolist()[0] == 1
    best = judge.moment_classifier.bias.softmax(dim=0)[1]
    torch.testing.assert_close(found.scores[0], best)


@torch.no_grad()
def test_random_proposals_repeat_in_every_test_run(tmp_path: Path) -> None:
    judge = module(proposals="random")
    runs = [quiet_trainer(tmp_path).test(judge, datamodule=ToyDataModule(), verbose=False) for _ in range(2)]
    assert runs[0] == runs[1]
    other = quiet_trainer(tmp_path).test(module(proposals="random", seed=1), datamodule=ToyDataModule(), verbose=False)
    assert other != runs[0]


@torch.no_grad()
def test_a_video_has_the_same_random_proposals_in_whatever_batch_it_comes() -> None:
    decoder = DetectionDecoder(suppression=HardNMS(1.0))  # moves no segment
    judge = module(proposals="random", num_random=5, decoder=decoder)
    batch = untrimmed_batch(features(), [[[1.0, 2.0]]] * 2, [[0]] * 2)
    first, second = judge.detect_in_batch(batch)
    assert not torch.equal(first.segments, second.segments)
    (alone,) = judge.detect_in_batch(untrimmed_batch(features(1), [[[1.0, 2.0]]], [[0]])._replace(video_ids=["v1"]))
    assert set(map(tuple, alone.segments.tolist())) == set(map(tuple, second.segments.tolist()))
    (other,) = module(proposals="random", num_random=5, seed=1, decoder=decoder).detect_in_batch(
        untrimmed_batch(features(1), [[[1.0, 2.0]]], [[0]])
    )
    assert not torch.equal(other.segments, first.segments)


def test_classifier_and_network_come_from_two_checkpoints(tmp_path: Path) -> None:
    classifier, localizer = toy_classifier(), toy_localizer()
    train(classifier, tmp_path / "classifier", 2)
    train(localizer, tmp_path / "localizer", 2)
    paths = [tmp_path / name / "last.ckpt" for name in ("classifier", "localizer")]
    judge = module(initial_weights=paths)
    assert torch.equal(judge.moment_classifier.weight, classifier.moment_classifier.weight)
    assert fingerprint(judge.network) == fingerprint(localizer.network)


def test_it_trains_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ProposalClassifierModule trains nothing: use it with 'aher test'"):
        train(module(), tmp_path)
