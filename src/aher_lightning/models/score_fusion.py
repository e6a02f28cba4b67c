"""Scores of categories for predictions: how class probabilities and quality are combined."""

from __future__ import annotations

from torch import Tensor

from aher_lightning.errors import ConfigError
from aher_lightning.models.base import ScoreFusion
from aher_lightning.structures import Proposals


class ProductFusion(ScoreFusion):
    """Multiply class probability by quality, as the paper does.

    Implements s_f of section 3.5 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705.
    """

    def __call__(self, proposals: Proposals, probabilities: Tensor) -> Tensor:
        """Return the score of each prediction and category; see :meth:`ScoreFusion.__call__`."""
        return probabilities * proposals.quality.unsqueeze(-1)


class VideoCategoryFusion(ScoreFusion):
    """Multiply the probability averaged over the predictions of a video by quality, as the authors' code does.

    All predictions of a video then have the same categories in the same order.
    """

    def __call__(self, proposals: Proposals, probabilities: Tensor) -> Tensor:
        """Return the score of each prediction and category; see :meth:`ScoreFusion.__call__`."""
        return probabilities.mean(dim=1, keepdim=True) * proposals.quality.unsqueeze(-1)


class VideoCategoryPrior:
    """How much a video shows each category: class probabilities averaged over its predictions, the good ones most.

    Fits videos of one or two categories, as in ActivityNet. Leave it out where a video shows many.

    Args:
        exponent: Weight of the prior in the product of scores; 0 disables it.

    Raises:
        ConfigError: If the exponent is negative.
    """

    def __init__(self, exponent: float = 1.0) -> None:
        _check_exponent("prior.exponent", exponent)
        self.exponent = exponent

    def __call__(self, probabilities: Tensor, weights: Tensor) -> Tensor:
        """Return the factor of each category.

        Args:
            probabilities: Class probabilities, shape ``(B, A, K)``.
            weights: Not negative, shape ``(B, A)``; the factors of a video without any weight are 0.

        Returns:
            Factors in ``[0, 1]``, shape ``(B, 1, K)``.
        """
        shares = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-12)
        return (shares.unsqueeze(1) @ probabilities) ** self.exponent


class QualityFusion(ScoreFusion):
    """Multiply all that the network knows about a prediction, each factor with an exponent of its own.

    Large exponents make a factor count more in the ranking; 0 ignores it. The actionness of heads that have none
    counts 1.

    Args:
        quality: Exponent of the quality, for an anchor its predicted tIoU.
        actionness: Exponent of the probability of action.
        category: Exponent of the class probability.
        prior: How much the video as a whole shows each category, weighted by quality and actionness; leave it out
            where videos show many categories.

    Raises:
        ConfigError: If an exponent is negative.
    """

    def __init__(
        self,
        *,
        quality: float = 1.0,
        actionness: float = 1.0,
        category: float = 1.0,
        prior: VideoCategoryPrior | None = None,
    ) -> None:
        for name, exponent in (("quality", quality), ("actionness", actionness), ("category", category)):
            _check_exponent(name, exponent)
        self.quality = quality
        self.actionness = actionness
        self.category = category
        self.prior = prior

    def __call__(self, proposals: Proposals, probabilities: Tensor) -> Tensor:
        """Return the score of each prediction and category; see :meth:`ScoreFusion.__call__`."""
        worth = proposals.quality**self.quality
        if proposals.actionness is not None:
            worth = worth * proposals.actionness**self.actionness
        scores = worth.unsqueeze(-1) * probabilities**self.category
        if self.prior is not None:
            scores = scores * self.prior(probabilities, worth * proposals.is_inside)
        return scores


def _check_exponent(name: str, exponent: float) -> None:
    """Refuse a negative exponent."""
    if exponent < 0:
        raise ConfigError(f"'fusion.{name}' is {exponent}; give 0 to ignore this factor, or more")
