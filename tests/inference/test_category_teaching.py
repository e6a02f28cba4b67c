"""Teaching moves new rows alone; fine-tuning moves everything but the backbone and the untrimmed categories' rows."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import LevelRows
from aher_lightning.inference import category_teaching
from aher_lightning.inference.category_teaching import (
    FINE_TUNED_GROUPS,
    Teaching,
    _cell_logits,
    _count_batches,
    _draws,
    _shares,
    count_teaching_steps,
    existing_rows,
    fine_tune_network,
    teach_rows,
)
from aher_lightning.losses.classification import CellClassificationLoss
from aher_lightning.models.aher_net import PARAMETER_GROUPS
from aher_lightning.modules.phased import PhasedModule
from tests.helpers.added import random_bank
from tests.helpers.toy import MOMENT
from tests.helpers.trained import LEVEL_CHANNELS
from tests.helpers.training import toy_localizer

NEW = 2
LABELS = [0, 0, 1, 2, 3, 3, 3, 4, 4]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_teaching, "TEACHING_STEPS", 12)
    monkeypatch.setattr(category_teaching, "_FEWEST_VIDEOS", 20)
    monkeypatch.setattr(category_teaching, "FINE_TUNING_STEPS", 3)


def teaching(*, num_added: int = 0) -> Teaching:
    """A seeded module, some of whose moment categories were added, and two new categories."""
    module = toy_localizer().eval()
    if num_added:
        module.network.resize_for_added(32, num_added)
        torch.manual_seed(1)
        assert module.network.added_classifier is not None
        for level, width in enumerate(LEVEL_CHANNELS):
            module.network.added_classifier.set_rows(level, torch.rand(num_added, width), torch.rand(num_added))
    generator = torch.Generator().manual_seed(2)
    rows = [LevelRows(torch.rand(NEW, width, generator=generator), torch.zeros(NEW)) for width in LEVEL_CHANNELS]
    return Teaching(module, random_bank(LABELS), existing_rows(module.network), rows)


def state(module: PhasedModule) -> dict[str, Tensor]:
    return copy.deepcopy(dict(module.state_dict()))


def mean_loss(given: Teaching, rows: list[LevelRows]) -> float:
    """The loss of all categories on synthetic videos that are the same in every call."""
    old, new = _draws(given)
    joined = [
        LevelRows(torch.cat([a.weight, b.weight]), torch.cat([a.bias, b.bias]))
        for a, b in zip(given.existing, rows, strict=True)
    ]
    total = 0.0
    with torch.no_grad():
        for share, videos in zip(_shares(given), (old, new), strict=True):
            synthetic = videos.draw(40)
            logits = _cell_logits(given.module.network, given.module.network.levels(synthetic.features), joined)
            targets = given.module.network.head.match(synthetic.segments, synthetic.labels)
            total += share * float(given.module.loss(logits, synthetic.labels, targets))
    return total


@pytest.mark.parametrize("num_added", [0, 1])
def test_teaching_lowers_the_loss_and_changes_new_rows_alone(num_added: int) -> None:
    given = teaching(num_added=num_added)
    before, notes = state(given.module), list[str]()
    rows = teach_rows(given, notes.append)
    assert len(notes) == count_teaching_steps(NEW) == 2 * 3 + 12
    assert [one.weight.shape for one in rows] == [(NEW, width) for width in LEVEL_CHANNELS]
    assert all(torch.equal(value, before[name]) for name, value in given.module.state_dict().items())
    assert all(not torch.equal(one.weight, old.weight) for one, old in zip(rows, given.new, strict=True))
    assert not any(values.requires_grad for one in rows for values in one)
    assert all(parameter.grad is None for parameter in given.module.parameters())
    assert mean_loss(given, rows) < mean_loss(given, given.new)


def test_teaching_repeats_to_the_bit() -> None:
    first, again = (teach_rows(teaching()) for _ in range(2))
    assert all(torch.equal(*pair) for one in zip(first, again, strict=True) for pair in zip(*one, strict=True))


def test_cells_are_classified_as_by_the_network() -> None:
    network = teaching().module.network
    levels = network.levels(torch.rand(2, 8, 32))
    with torch.no_grad():
        expected = network.localize(levels, "moment").class_logits
        torch.testing.assert_close(_cell_logits(network, levels, existing_rows(network)), expected)


def test_existing_rows_are_those_of_trained_and_then_of_added_categories() -> None:
    network = teaching(num_added=1).module.network
    assert network.added_classifier is not None
    for level, rows in enumerate(existing_rows(network)):
        assert torch.equal(rows.weight[:2], network.moment_classifier.weights(level))
        assert torch.equal(rows.weight[2:], network.added_classifier.weights(level))
        assert rows.bias.shape == (3,)


def test_many_categories_get_videos_each() -> None:
    assert [_count_batches(number) for number in (1, 5, 6, 100)] == [(3, 3), (3, 3), (3, 3), (3, 50)]


def test_each_category_has_the_same_weight() -> None:
    assert _shares(teaching()) == (len(MOMENT) / 5, NEW / 5)
    assert sum(_shares(teaching(num_added=1))) == 1


@pytest.mark.parametrize("num_added", [0, 1])
def test_fine_tuning_moves_everything_but_backbone_and_untrimmed_rows(num_added: int) -> None:
    given = teaching(num_added=num_added)
    before, notes = state(given.module), list[str]()
    rows = fine_tune_network(given, notes.append)
    assert len(notes) == 3
    after = given.module.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    expected = {
        f"network.{PARAMETER_GROUPS[group]}.{name}"
        for group in FINE_TUNED_GROUPS
        for name, _ in given.module.network.get_submodule(PARAMETER_GROUPS[group]).named_parameters()
    }
    buffers = {f"network.added_classifier.{name}_{level}" for name in ("weight", "bias") for level in range(4)}
    assert changed == expected | (buffers if num_added else set())
    assert all(not torch.equal(one.weight, old.weight) for one, old in zip(rows, given.new, strict=True))
    if num_added:  # free rows stay zero
        assert not after["network.added_classifier.weight_0"][num_added:].any()


def test_the_module_decides_which_cells_learn() -> None:
    given = teaching()
    given.module.loss = CellClassificationLoss(weight=0.0)
    rows = teach_rows(given)
    assert all(torch.equal(one.weight, old.weight) for one, old in zip(rows, given.new, strict=True))
