from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import (
    FEATURE_BANK_KEY,
    LevelRows,
    added_categories,
    append_added,
    count_added_rows,
    drop_added,
)
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.added_classifier import BLOCK_ROWS
from aher_lightning.models.bank_content import BankContent, read_bank
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import AddedCategory, Categories
from tests.helpers.added import random_bank
from tests.helpers.toy import CATEGORIES, MOMENT, UNTRIMMED, ToyDataModule
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import quiet_trainer, toy_localizer, train

WIDTHS = (10, 10, 12, 12)


def new(*names: str) -> tuple[list[AddedCategory], list[LevelRows]]:
    """Categories with random rows, the same for a name in every call."""
    draw = [torch.Generator().manual_seed(sum(map(ord, name))) for name in names]
    rows = [
        LevelRows(
            torch.stack([torch.randn(width, generator=one) for one in draw]),
            torch.stack([torch.randn((), generator=one) for one in draw]),
        )
        for width in WIDTHS
    ]
    return [AddedCategory(name, 5, "1.0") for name in names], rows


def remember(checkpoint: dict[str, Any], *labels: int) -> BankContent:
    bank = random_bank(labels)
    checkpoint[STATE_KEY][FEATURE_BANK_KEY] = bank.state()
    return bank


def logits(folder: Path, checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """All logits of a checkpoint by category."""
    path = folder / "written.ckpt"
    torch.save(checkpoint, path)
    module = load_module(path)
    assert isinstance(module, PhasedModule)
    levels = module.network.levels(torch.rand(3, 8, 32, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        cells = module.network.localize(levels, "moment").class_logits
        segments = module.network.classify_segments(levels, "moment")
    pairs = enumerate(module.categories.moment)
    return {name: torch.cat([cells[:, k].flatten(), segments[..., k].flatten()]) for k, name in pairs}


def assert_unchanged(before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    for name in before.keys() & after.keys():
        assert torch.equal(before[name], after[name]), name


def test_what_comes_and_goes_changes_no_bit_of_what_stays(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    checkpoint = read_checkpoint(path)
    trained = logits(tmp_path, checkpoint)
    assert added_categories(checkpoint) == []
    append_added(checkpoint, *new("a"))
    one = logits(tmp_path, checkpoint)
    assert list(one) == [*MOMENT, "a"]
    append_added(checkpoint, *new("b", "c", "d", "e"))
    five = logits(tmp_path, checkpoint)
    append_added(checkpoint, *new(*(f"n{number}" for number in range(40))))
    assert count_added_rows(checkpoint) == 2 * BLOCK_ROWS
    many = logits(tmp_path, checkpoint)
    drop_added(checkpoint, ["b", "n3", "n38", "n39"])
    fewer = logits(tmp_path, checkpoint)
    assert list(fewer) == [name for name in many if name not in {"b", "n3", "n38", "n39"}]
    append_added(checkpoint, *new("z"))
    last = logits(tmp_path, checkpoint)
    for before in (trained, one, five, many, fewer):
        assert_unchanged(before, last)
    assert_unchanged(five, many)
    assert [one.name for one in added_categories(checkpoint)] == list(last)[len(MOMENT) :]
    drop_added(checkpoint, last)
    assert list(logits(tmp_path, checkpoint)) == MOMENT
    assert checkpoint["state_dict"].keys() == read_checkpoint(path)["state_dict"].keys()


def test_the_row_of_what_leaves_becomes_zero_and_free_blocks_go(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(checkpointed_localizer(tmp_path)[1])
    append_added(checkpoint, *new(*(f"n{number}" for number in range(33))))
    drop_added(checkpoint, ["n0", "n32", "unknown"])
    weights = checkpoint["state_dict"]
    assert count_added_rows(checkpoint) == BLOCK_ROWS
    assert weights["network.added_classifier.rows"].tolist() == list(range(1, 32))
    assert weights["network.added_classifier.weight_2"][0].abs().sum() == 0
    assert weights["network.added_classifier.weight_2"][1].abs().sum() > 0


def test_the_memory_forgets_with_them(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(checkpointed_localizer(tmp_path)[1])
    append_added(checkpoint, *new("a", "b", "c"))
    bank = remember(checkpoint, 0, 3, 4, 5, 2, 3)  # the trained ones are 0 to 2
    drop_added(checkpoint, ["a"])
    left = read_bank(checkpoint[STATE_KEY][FEATURE_BANK_KEY])
    assert left.moments.labels.tolist() == [0, 3, 4, 2]
    assert torch.equal(left.moments.snippets.values, bank.moments.snippets.select([0, 2, 3, 4]).values)
    assert torch.equal(left.videos.snippets.values, bank.videos.snippets.values)


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A trained checkpoint with the added categories a and b."""
    train(toy_localizer(), tmp_path, 2)
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    append_added(checkpoint, *new("a", "b"))
    torch.save(checkpoint, tmp_path / "extended.ckpt")
    return tmp_path / "extended.ckpt"


@pytest.mark.parametrize("own", [[], ["a"], ["b"], ["a", "b"]])
def test_a_module_takes_those_that_its_data_has(extended: Path, own: list[str]) -> None:
    module = toy_localizer(Categories(UNTRIMMED, [*MOMENT, *own]))
    checkpoint = read_checkpoint(extended)
    module.on_load_checkpoint(checkpoint)
    module.load_state_dict(checkpoint["state_dict"])
    assert [one.name for one in module.added] == own
    saved: dict[str, Any] = {}
    module.on_save_checkpoint(saved)
    assert [one["name"] for one in saved[STATE_KEY]["added"]] == own
    with torch.no_grad():
        found = module.network(torch.rand(1, 8, 32), "moment").class_logits
    assert found.shape[1] == len(MOMENT) + len(own)


def test_testing_without_added_categories_is_as_before(extended: Path) -> None:
    results = []
    for path in (extended.with_name("last.ckpt"), extended):
        trainer = quiet_trainer(extended.parent)
        results += trainer.test(toy_localizer(), datamodule=ToyDataModule(), ckpt_path=path, verbose=False)
    assert results[0] == results[1]


def test_other_orders_are_refused(extended: Path) -> None:
    with pytest.raises(CheckpointError, match="trained for other moment categories"):
        toy_localizer(Categories(UNTRIMMED, ["a", *MOMENT])).on_load_checkpoint(read_checkpoint(extended))


def test_training_does_not_go_on(extended: Path) -> None:
    for categories in (CATEGORIES, Categories(UNTRIMMED, [*MOMENT, "a", "b"])):
        trainer = quiet_trainer(extended.parent, 3)
        with pytest.raises(CheckpointError, match="training cannot resume with them: remove them by 'aher remove-cat"):
            trainer.fit(toy_localizer(categories), datamodule=ToyDataModule(), ckpt_path=extended)


def test_initial_weights_are_those_of_training(extended: Path) -> None:
    started = toy_localizer(initial_weights=[extended])
    assert isinstance(started, LocalizerModule)
    trained = read_checkpoint(extended.with_name("last.ckpt"))["state_dict"]
    assert all(torch.equal(value, trained[name]) for name, value in started.state_dict().items())
