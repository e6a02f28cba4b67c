from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning import __version__
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.inference.add_category import add_categories
from aher_lightning.inference.category_list import ListedCategory, describe_categories, remove_categories
from aher_lightning.inference.rebuild import load_module
from aher_lightning.structures import AddedCategory
from tests.helpers.added import remembering_checkpoint, stored_labels, teach_briefly, write_clips
from tests.helpers.toy import MOMENT, UNTRIMMED


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    teach_briefly(monkeypatch)


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """A checkpoint to which bow and yawn were added."""
    moments = write_clips(tmp_path / "moments", bow=2, yawn=3)
    add_categories(remembering_checkpoint(tmp_path), moments, tmp_path / "extended.ckpt")
    return tmp_path / "extended.ckpt"


def test_every_category_says_where_it_comes_from(extended: Path) -> None:
    assert describe_categories(extended) == [
        *(ListedCategory(name, "untrimmed", None, __version__) for name in UNTRIMMED),
        *(ListedCategory(name, "moment", None, __version__) for name in MOMENT),
        ListedCategory("bow", "added", 2, __version__),
        ListedCategory("yawn", "added", 3, __version__),
    ]


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = remembering_checkpoint(tmp_path)
    content = torch.load(path)
    del content[STATE_KEY]["categories"]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: its entry 'categories' is missing"):
        describe_categories(path)


def test_what_is_removed_is_gone_and_the_rest_stays(extended: Path) -> None:
    output = extended.with_name("fewer.ckpt")
    assert remove_categories(extended, ["bow"], output) == [AddedCategory("bow", 2, __version__)]
    assert [one.name for one in describe_categories(output)] == [*UNTRIMMED, *MOMENT, "yawn"]
    assert stored_labels(output)[-3:] == [3, 3, 3]
    assert load_module(output).categories.moment == [*MOMENT, "yawn"]
    remove_categories(output, ["yawn"], output, overwrite=True)
    original = read_checkpoint(extended.with_name("last.ckpt"))
    left = read_checkpoint(output)
    assert left["state_dict"].keys() == original["state_dict"].keys()
    assert stored_labels(output) == stored_labels(extended.with_name("last.ckpt"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sneeze"], "has no category 'sneeze'; added ones that it has: bow, yawn"),
        (["bow", "nod"], "'nod' was learnt in training, and only added categories can be removed"),
        (["jump"], "'jump' was learnt in training"),
        ([], "no category to remove; name one or more"),
    ],
)
def test_others_cannot_be_removed(names: list[str], message: str, extended: Path) -> None:
    output = extended.with_name("fewer.ckpt")
    with pytest.raises(ConfigError, match=message):
        remove_categories(extended, names, output)
    with pytest.raises(CheckpointError, match="already exists"):
        remove_categories(extended, ["bow"], extended)
    assert not output.exists()
