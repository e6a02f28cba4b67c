from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from aher_lightning.errors import CheckpointError
from aher_lightning.models.bank_content import BankContent, empty_content, join_sequences, read_bank
from tests.helpers.added import random_bank, random_moments

State = dict[str, Tensor]


def assert_same(one: BankContent, other: BankContent) -> None:
    first, second = one.state(), other.state()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("content", [random_bank([0, 2, 1]), random_bank([], 2), random_bank([1], 0), empty_content(4)])
def test_what_is_stored_comes_back(content: BankContent) -> None:
    assert_same(read_bank(content.state()), content)


def test_the_names_of_the_tensors() -> None:
    parts = {"moments": ["labels"], "videos": ["labels", "segments"]}
    common = ["values", "lengths", "first_centres", "steps"]
    assert empty_content().state().keys() == {f"{part}.{name}" for part in parts for name in [*common, *parts[part]]}


def test_moments_are_appended() -> None:
    content, more = random_bank([0, 1]), random_moments([7, 8, 9], seed=3)
    both = content.with_moments(more)
    assert both.moments.labels.tolist() == [0, 1, 7, 8, 9]
    assert torch.equal(both.moments.snippets.select([2, 3, 4]).values, more.snippets.values)
    assert torch.equal(both.moments.snippets.select([0, 1]).values, content.moments.snippets.values)
    assert both.videos is content.videos
    assert_same(empty_content().with_moments(more)._replace(videos=content.videos), content._replace(moments=more))


def test_categories_that_go_take_their_moments_along() -> None:
    content = random_bank([0, 3, 1, 3, 2])
    kept = content.keep_categories([0, 2, 3])
    assert kept.moments.labels.tolist() == [0, 2, 2, 1]
    assert torch.equal(kept.moments.snippets.values, content.moments.snippets.select([0, 1, 3, 4]).values)
    assert len(content.keep_categories([]).moments.labels) == 0
    assert kept.videos is content.videos


def test_joined_values_stay_in_the_range_of_half_precision() -> None:
    large = random_moments([0]).snippets
    large = large._replace(values=torch.full(large.values.shape, 1e6))
    assert (join_sequences([large, large]).values == 65504).all()


def change(name: str, damage: Callable[[Tensor], object]) -> Callable[[State], object]:
    return lambda state: state | {name: damage(state[name])}


def poke(value: float) -> Callable[[Tensor], Tensor]:
    """Put a value into a tensor's first place."""

    def damage(values: Tensor) -> Tensor:
        changed = values.clone()
        changed.view(-1)[0] = value
        return changed

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: None,
        lambda _: [],
        lambda _: {},
        lambda _: {"features": [torch.zeros(1, 2).half()], "labels": torch.tensor([0])},
        lambda state: state | {"more": torch.zeros(1)},
        change("moments.values", lambda values: values.tolist()),
        change("moments.values", lambda values: values.float()),
        change("moments.values", lambda values: values[:-1]),
        change("moments.values", lambda values: values[:, :2]),
        change("moments.values", lambda values: values.flatten()),
        change("moments.values", lambda values: values.to_sparse()),
        change("videos.values", poke(float("nan"))),
        change("moments.lengths", poke(0)),
        change("moments.lengths", poke(2**62)),
        change("moments.lengths", lambda values: values.double()),
        change("moments.steps", poke(0.0)),
        change("moments.steps", poke(float("inf"))),
        change("moments.steps", lambda values: values[:-1]),
        change("moments.first_centres", lambda values: values.long()),
        change("moments.first_centres", poke(float("nan"))),
        change("moments.labels", poke(-1)),
        change("moments.labels", lambda values: values[:-1]),
        change("moments.labels", lambda values: values.double()),
        change("videos.labels", poke(-2)),
        change("videos.labels", lambda values: values.flatten()),
        change("videos.labels", lambda values: torch.cat([torch.full_like(values, -1), values], dim=1)),
        change("videos.segments", poke(1.5)),
        change("videos.segments", poke(float("nan"))),
        change("videos.segments", lambda values: values[:, :, 0]),
        change("videos.segments", lambda values: values.long()),
    ],
)
def test_damage_gives_one_line(damage: Callable[[State], object]) -> None:
    state = random_bank([0, 1], 2).state()
    with pytest.raises(CheckpointError, match=r"^the checkpoint's feature bank is damaged; give another checkpoint$"):
        read_bank(damage(state))
