"""Discriminators: they tell real background from the background around synthetic moments."""

from __future__ import annotations

from typing import cast

from torch import Tensor

from aher_lightning.models.base import Discriminator
from aher_lightning.models.convolution import SameConv1d


class ConvDiscriminator(Discriminator):
    """A single convolution to one logit per prediction of the head.

    Implements D of section 3.4 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    arXiv:2008.13705, with the layer of the authors' code.

    Args:
        channels: Channels ``d_j`` of the level.
        predictions_per_cell: Number R of predictions that the head makes for a cell.
    """

    def __init__(self, channels: int, predictions_per_cell: int) -> None:
        super().__init__()
        self.convolution = SameConv1d(channels, predictions_per_cell, gain=1.0)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits of the level; see :meth:`Discriminator.forward`."""
        return cast("Tensor", self.convolution(features)).transpose(1, 2)
