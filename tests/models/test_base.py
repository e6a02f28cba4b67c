from __future__ import annotations

import inspect

import pytest
import torch

from aher_lightning import models
from aher_lightning.models import base
from aher_lightning.models.base import (
    Backbone,
    ContextGenerator,
    Discriminator,
    ScoreFusion,
    Suppression,
    WeightTransfer,
)

BASES = (Backbone, WeightTransfer, ContextGenerator, Discriminator, ScoreFusion, Suppression)


@pytest.mark.parametrize("kind", BASES)
def test_an_unfinished_plug_in_is_refused(kind: type) -> None:
    unfinished = type("Unfinished", (kind,), {})
    with pytest.raises(TypeError, match="abstract"):
        unfinished()
    assert inspect.isabstract(kind)


@pytest.mark.parametrize("kind", BASES)
def test_every_base_has_a_bundled_component(kind: type) -> None:
    bundled = [one for _, one in inspect.getmembers(models, inspect.isclass) if issubclass(one, kind)]
    assert [one for one in bundled if not inspect.isabstract(one)], kind
    assert kind in vars(base).values()


def test_a_plug_in_is_a_module_whose_weights_are_trained() -> None:
    class Scaling(WeightTransfer):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.full((channels,), 2.0))

        def forward(self, weight: torch.Tensor, bias: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return weight * self.scale, bias

    transfer = Scaling(3)
    weight, bias = transfer(torch.ones(2, 3), torch.zeros(2))
    assert weight.sum() == 12
    assert bias.shape == (2,)
    assert [name for name, _ in transfer.named_parameters()] == ["scale"]
