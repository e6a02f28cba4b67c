from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY, LevelRows, append_added
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint, write_checkpoint
from aher_lightning.checkpoints.pretrained_folder import read_trained, write_pretrained
from aher_lightning.checkpoints.validation import validate_trained
from aher_lightning.errors import AherError, CheckpointError
from aher_lightning.inference.category_list import describe_categories, remove_categories
from aher_lightning.structures import AddedCategory
from tests.helpers.added import random_bank
from tests.helpers.trained import checkpointed_localizer

PATH = Path("a.ckpt")
BIAS = "network.added_classifier.bias_1"
ROWS = "network.added_classifier.rows"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A checkpoint with two added categories and a feature bank."""
    content = read_checkpoint(checkpointed_localizer(tmp_path_factory.mktemp("run"))[1])
    new = [AddedCategory("hop", 3, "0.1.0"), AddedCategory("skip", 4, "0.1.0")]
    append_added(content, new, [LevelRows(torch.rand(2, width), torch.rand(2)) for width in (10, 10, 12, 12)])
    content[STATE_KEY][FEATURE_BANK_KEY] = random_bank([0, 4, 1]).state()
    return content


def changed(content: dict[str, Any], path: tuple[Any, ...], value: object) -> dict[str, Any]:
    """A copy of a checkpoint with something else in one place."""
    result = copy.deepcopy(content)
    place = result
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return result


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested dictionaries and lists."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def test_what_this_package_writes_is_sound(sound: dict[str, Any]) -> None:
    before = copy.deepcopy(sound[STATE_KEY]["added"])
    validate_trained(sound, PATH)
    assert sound[STATE_KEY]["added"] == before
    without_bank = copy.deepcopy(sound)
    without_bank[STATE_KEY].pop(FEATURE_BANK_KEY)
    validate_trained(without_bank, PATH)
    # The same content with a damaged bank is refused, so what passed above was looked at.
    with pytest.raises(CheckpointError, match="its entry 'feature_bank' is missing or damaged"):
        validate_trained(changed(sound, (STATE_KEY, FEATURE_BANK_KEY), []), PATH)


@pytest.mark.parametrize("name", ["version", "window_sec", "iteration", "added", "contract"])
def test_missing_entries_are_refused(sound: dict[str, Any], name: str) -> None:
    content = copy.deepcopy(sound)
    del content[STATE_KEY][name]
    with pytest.raises(CheckpointError, match=f"its entry '{name}' is missing or damaged"):
        validate_trained(content, PATH)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ((STATE_KEY,), [], STATE_KEY),
        (("state_dict",), None, "state_dict"),
        (("state_dict", "w"), "x", "state_dict"),
        ((STATE_KEY, "categories"), {"untrimmed": [], "moment": []}, "categories"),
        ((STATE_KEY, "categories", "evaluated"), ["all"], "categories"),
        ((STATE_KEY, "categories", "moment"), ["nod", "nod"], "categories"),
        ((STATE_KEY, "categories", "untrimmed", 0), 5, "categories"),
        ((STATE_KEY, "iteration"), True, "iteration"),
        ((STATE_KEY, "iteration"), -1, "iteration"),
        ((STATE_KEY, "window_sec"), float("nan"), "window_sec"),
        ((STATE_KEY, "window_sec"), "60", "window_sec"),
        ((STATE_KEY, "window_sec"), 0, "window_sec"),
        ((STATE_KEY, "version"), {}, "version"),
        ((STATE_KEY, "configuration"), {"class_path": "x"}, "configuration"),
        ((STATE_KEY, "configuration", "init_args", "seed"), float("inf"), "configuration"),
        ((STATE_KEY, "contract"), "x", "contract"),
        ((STATE_KEY, "added"), None, "added"),
        ((STATE_KEY, "added", 0, "clips"), "many", "added"),
        ((STATE_KEY, "added", 0, "name"), "leap", "added"),
        ((STATE_KEY, "added", 0, "more"), 1, "added"),
        (("state_dict", ROWS), torch.tensor([0, 99]), ROWS),
        (("state_dict", ROWS), torch.tensor([1, 0]), ROWS),
        (("state_dict", ROWS), torch.tensor([-1, 0]), ROWS),
        (("state_dict", ROWS), torch.tensor([0]), ROWS),
        (("state_dict", BIAS), torch.tensor(0.0), ROWS),
        (("state_dict", BIAS), torch.zeros(1), ROWS),
        ((STATE_KEY, FEATURE_BANK_KEY, "moments.labels"), torch.tensor([0, 5, 1]), FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY, "moments.labels"), torch.tensor([0, 1]), FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY, "moments.labels"), [0, 1, 2], FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY, "videos.labels"), torch.tensor([[2]] * 6), FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY, "videos.values"), torch.rand(3), FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY), [], FEATURE_BANK_KEY),
        ((STATE_KEY, FEATURE_BANK_KEY), None, FEATURE_BANK_KEY),
    ],
)
def test_what_is_of_another_kind_is_named(
    sound: dict[str, Any], path: tuple[Any, ...], value: object, named: str
) -> None:
    with pytest.raises(CheckpointError, match=rf"^a\.ckpt: its entry '{named}' is missing or damaged; give"):
        validate_trained(changed(sound, path, value), PATH)


@pytest.mark.parametrize("values", [{"fps": 10.0}, {"fps": "x"}])
def test_a_contract_says_what_is_wrong_with_it(sound: dict[str, Any], values: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match=r"^a\.ckpt: .*contract"):
        validate_trained(changed(sound, (STATE_KEY, "contract"), values), PATH)


def test_rows_for_nobody_and_nobody_without_rows(sound: dict[str, Any]) -> None:
    rows = {name: value for name, value in sound["state_dict"].items() if name != ROWS}
    with pytest.raises(CheckpointError, match=ROWS):
        validate_trained({**sound, "state_dict": rows}, PATH)


VALUES = [None, "abc", 5, -1, float("nan"), [], {}, [1], {"a": 1}, True, torch.zeros(2)]


@pytest.mark.slow
@pytest.mark.parametrize("first", range(3))
def test_whatever_is_in_any_place_no_command_stumbles(sound: dict[str, Any], first: int, tmp_path: Path) -> None:
    """Three of the values in every place, other ones in its neighbours."""
    tried = 0
    for number, path in enumerate(places(sound[STATE_KEY])):
        value = VALUES[(3 * number + first) % len(VALUES)]
        write_checkpoint(tmp_path / "f.ckpt", changed(sound, (STATE_KEY, *path), value))
        for command in (
            lambda: describe_categories(tmp_path / "f.ckpt"),
            lambda: remove_categories(tmp_path / "f.ckpt", ["hop"], tmp_path / "r.ckpt", overwrite=True),
            lambda: write_pretrained(tmp_path / "folder", read_trained(tmp_path / "f.ckpt"), overwrite=True),
        ):
            with suppress(AherError):
                command()
            tried += 1
    assert tried > 100
