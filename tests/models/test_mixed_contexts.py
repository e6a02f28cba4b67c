from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.mixed_contexts import MixedContexts
from aher_lightning.structures import LabelledVideos
from tests.models.test_pasted_contexts import LENGTH, generator, moments, untrimmed


def mix(pasted_fraction: float, count: int = 64) -> LabelledVideos:
    videos = untrimmed([[(0.1, 0.2), (0.5, 0.8)]] * count)
    context = MixedContexts(1, LENGTH, pasted_fraction=pasted_fraction)
    mixed: LabelledVideos = context(moments(count), videos, generator())
    return mixed


@pytest.mark.parametrize(("pasted_fraction", "expected"), [(0.0, 0), (1.0, 64)])
def test_all_of_one_kind(pasted_fraction: float, expected: int) -> None:
    made = mix(pasted_fraction)
    # Two instances are annotated, a generated context has one.
    assert int(((made.labels >= 0).sum(dim=1) == 2).sum()) == expected


def test_a_fraction_is_pasted_and_padding_stays_padding() -> None:
    made = mix(0.25)
    counts = (made.labels >= 0).sum(dim=1)
    assert set(counts.tolist()) == {1, 2}
    assert int((counts == 2).sum()) == pytest.approx(16, abs=8)
    assert made.labels.shape == (64, 8)
    assert (made.segments[made.labels < 0].diff(dim=-1) == 0).all()


def test_only_what_is_generated_reaches_the_generators() -> None:
    context = MixedContexts(1, LENGTH, pasted_fraction=0.5)
    parameters = list(context.parameters())
    for parameter in parameters:
        parameter.data.abs_()  # no ReLU is silent
    made = context(moments(8), untrimmed([[(0.1, 0.2), (0.5, 0.8)]] * 8), generator())
    pasted = (made.labels >= 0).sum(dim=1) == 2
    gradients = torch.autograd.grad(made.features[pasted].sum(), parameters, retain_graph=True)
    assert all((one == 0).all() for one in gradients)
    gradients = torch.autograd.grad(made.features[~pasted].sum(), parameters)
    assert any((one != 0).any() for one in gradients)


def test_a_fraction_outside_0_and_1_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'context.pasted_fraction' is 1.5; give 0 to 1"):
        MixedContexts(1, LENGTH, pasted_fraction=1.5)
