from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.score_fusion import ProductFusion, QualityFusion, VideoCategoryFusion, VideoCategoryPrior
from aher_lightning.structures import Proposals

PROBABILITIES = torch.tensor([[[0.9, 0.1], [0.3, 0.7]]])
SEGMENTS = torch.tensor([[[0.0, 0.5], [0.5, 1.0]]])
PROPOSALS = Proposals(SEGMENTS, torch.tensor([[0.5, 0.8]]), torch.tensor([[0.4, 0.25]]))


def test_product_fusion_by_hand() -> None:
    scores = ProductFusion()(PROPOSALS, PROBABILITIES)
    torch.testing.assert_close(scores, torch.tensor([[[0.45, 0.05], [0.24, 0.56]]]))


def test_video_category_fusion_gives_all_predictions_the_same_categories() -> None:
    scores = VideoCategoryFusion()(PROPOSALS, PROBABILITIES)
    torch.testing.assert_close(scores, torch.tensor([[[0.3, 0.2], [0.48, 0.32]]]))


def test_quality_fusion_multiplies_all_by_default() -> None:
    scores = QualityFusion()(PROPOSALS, PROBABILITIES)
    torch.testing.assert_close(scores, torch.tensor([[[0.18, 0.02], [0.06, 0.14]]]))


def test_quality_fusion_of_a_head_without_actionness_is_the_product() -> None:
    proposals = PROPOSALS._replace(actionness=None)
    assert torch.equal(QualityFusion()(proposals, PROBABILITIES), ProductFusion()(proposals, PROBABILITIES))


def test_exponents_by_hand() -> None:
    scores = QualityFusion(quality=2.0, actionness=0.5, category=0.0)(PROPOSALS, PROBABILITIES)
    torch.testing.assert_close(scores, torch.tensor([[[0.1581139, 0.1581139], [0.32, 0.32]]]))


def test_the_prior_is_the_mean_over_the_video_weighted_by_quality_and_actionness() -> None:
    # weights 0.2 and 0.2: (0.6, 0.4)
    scores = QualityFusion(category=0.0, prior=VideoCategoryPrior(2.0))(PROPOSALS, PROBABILITIES)
    torch.testing.assert_close(scores, 0.2 * torch.tensor([[[0.36, 0.16], [0.36, 0.16]]]))
    prior = VideoCategoryPrior()(PROBABILITIES, torch.tensor([[3.0, 1.0]]))
    torch.testing.assert_close(prior, torch.tensor([[[0.75, 0.25]]]))


def test_segments_outside_the_video_have_no_say_in_the_prior() -> None:
    outside = PROPOSALS._replace(segments=torch.tensor([[[0.0, 0.5], [1.0, 1.0]]]))
    scores = QualityFusion(category=0.0, prior=VideoCategoryPrior())(outside, PROBABILITIES)
    torch.testing.assert_close(scores[0, 0], 0.2 * PROBABILITIES[0, 0])


def test_a_video_without_any_weight_has_scores_of_zero() -> None:
    assert VideoCategoryPrior()(PROBABILITIES, torch.zeros(1, 2)).tolist() == [[[0.0, 0.0]]]


def test_an_exponent_of_zero_disables_the_prior() -> None:
    plain, disabled = QualityFusion(), QualityFusion(prior=VideoCategoryPrior(0.0))
    assert torch.equal(plain(PROPOSALS, PROBABILITIES), disabled(PROPOSALS, PROBABILITIES))


@pytest.mark.parametrize("name", ["quality", "actionness", "category"])
def test_negative_exponents_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"'fusion.{name}' is -1; give 0"):
        QualityFusion(**{name: -1})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"'fusion.prior.exponent' is -1"):
        VideoCategoryPrior(-1)
