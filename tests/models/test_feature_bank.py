from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.feature_bank import FeatureBank


def filled(size: int, *batches: int) -> FeatureBank:
    """Return a memory of moments 0, 1, 2 ..., told in batches; their features are their numbers."""
    memory, first = FeatureBank(size), 0
    for batch in batches:
        numbers = torch.arange(first, first + batch)
        memory.add([numbers.float().unsqueeze(1).expand(-1, width) for width in (2, 3)], numbers)
        first += batch
    return memory


@pytest.mark.parametrize("batches", [(1,), (2, 2), (3, 3, 3), (5,), (9,), (4, 4, 4), (1,) * 13])
def test_the_last_moments_in_order(batches: tuple[int, ...]) -> None:
    memory = filled(4, *batches)
    expected = list(range(sum(batches)))[-4:]
    state = memory.state()
    assert len(memory) == len(expected)
    assert state["labels"].tolist() == expected
    assert [values.shape[1] for values in state["features"]] == [2, 3]
    assert all(values[:, 0].tolist() == expected for values in state["features"])
    assert all(values.dtype == torch.float16 for values in state["features"])


@pytest.mark.parametrize("before", [(2,), (3, 3), (4,)])
def test_going_on_equals_never_having_stopped(before: tuple[int, ...]) -> None:
    whole, stopped = filled(4, *before), filled(4, *before)
    resumed = FeatureBank(4)
    resumed.load(stopped.state())
    for memory in (whole, resumed):
        memory.add([torch.full((3, width), 0.1) for width in (2, 3)], torch.tensor([7, 8, 9]))
    assert str(whole.state()) == str(resumed.state())


def test_another_size_keeps_the_newest() -> None:
    smaller = FeatureBank(2)
    smaller.load(filled(4, 6).state())
    assert smaller.state()["labels"].tolist() == [4, 5]
    larger = FeatureBank(9)
    larger.load(filled(4, 6).state())
    assert larger.state()["labels"].tolist() == [2, 3, 4, 5]


def test_features_keep_no_graph_and_stay_finite() -> None:
    memory = FeatureBank(2)
    memory.add([torch.full((1, 2), 1e6, requires_grad=True)], torch.tensor([0]))
    (features,) = memory.state()["features"]
    assert not features.requires_grad
    assert features.tolist() == [[65504.0, 65504.0]]


def test_no_memory() -> None:
    memory = filled(0, 3)
    assert len(memory) == 0
    assert memory.state()["features"] == []
    memory.load(filled(4, 3).state())
    assert len(memory) == 0
    memory.load(FeatureBank(3).state())
    assert len(memory) == 0
    with pytest.raises(ConfigError, match="'feature_bank_size' is -1; give 0 to keep no moments"):
        FeatureBank(-1)


@pytest.mark.parametrize("state", [{}, {"features": 3, "labels": None}, {"features": [[1]], "labels": [1, 2]}])
def test_damage_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="feature bank is damaged"):
        FeatureBank(2).load(state)
