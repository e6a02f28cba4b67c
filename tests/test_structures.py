from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.structures import Categories
from tests.helpers.other_device import other_device
from tests.helpers.training import pixels


def test_detections_are_labelled_by_the_evaluated_categories() -> None:
    categories = Categories(("jump", "wave"), ("clap",))
    assert categories.names == ["clap"]
    assert Categories(["jump", "wave"], ["clap"], evaluated="untrimmed").names == ["jump", "wave"]
    assert isinstance(categories.untrimmed, list)


def test_categories_survive_a_checkpoint() -> None:
    categories = Categories(["jump"], ["clap"], "untrimmed")
    assert vars(Categories(**vars(categories))) == vars(categories)
    assert vars(categories) == {"untrimmed": ["jump"], "moment": ["clap"], "evaluated": "untrimmed"}


def test_the_category_sets_are_disjoint() -> None:
    with pytest.raises(ConfigError, match="category 'clap' is in both category sets"):
        Categories(["jump", "clap"], ["clap", "nod"])


def test_labels_of_both_sets_go_boundary_supervised_first() -> None:
    both = Categories(["jump"], ["clap", "nod"], evaluated="all")
    assert both.names == ["jump", "clap", "nod"]
    assert both.groups == {"untrimmed": range(1), "moment": range(1, 3)}
    one = Categories(["jump"], ["clap", "nod"], evaluated="untrimmed")
    assert one.names == ["jump"]
    assert one.groups == {"untrimmed": range(1)}


def test_snippets_go_to_a_device_as_a_whole() -> None:
    snippets = pixels(2, 3)
    with other_device() as device:
        moved = snippets.on(device)
        assert {values.device for values in moved} == {device}
        back = moved.on(torch.device("cpu"))
    assert all(torch.equal(one, other) for one, other in zip(back, snippets, strict=True))
