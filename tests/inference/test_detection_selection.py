from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.inference.detection_selection import category_labels, select_detections
from aher_lightning.structures import Detections

FOUND = Detections(
    torch.arange(8.0).reshape(4, 2), torch.tensor([0.9, 0.5, 0.5, 0.1]), torch.tensor([2, 0, 1, 0], dtype=torch.int64)
)


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"top_k": 2}, [0, 1]),
        ({"top_k": 9}, [0, 1, 2, 3]),
        ({"min_score": 0.5}, [0, 1, 2]),
        ({"labels": [0]}, [1, 3]),
        ({"labels": [0, 1], "min_score": 0.2, "top_k": 1}, [1]),
        ({"min_score": 1.0}, []),
    ],
)
def test_what_is_asked_for_is_kept_in_order(options: dict[str, object], rows: list[int]) -> None:
    kept = select_detections(FOUND, **options)  # type: ignore[arg-type]
    for ours, all_of_them in zip(kept, FOUND, strict=True):
        assert torch.equal(ours, all_of_them[rows])


def test_names_become_labels() -> None:
    known = ["nod", "wave", "high jump"]
    assert category_labels(None, known) is None
    assert category_labels(["high jump", "nod"], known) == [2, 0]


def test_an_unknown_name_is_refused_with_those_that_are_alike() -> None:
    known = ["nod", "wave", "high jump", "long jump"]
    with pytest.raises(ConfigError, match=r"no category 'hight jump' among the 4 .* did you mean high jump"):
        category_labels(["hight jump"], known)
    with pytest.raises(ConfigError, match="it has nod, wave, high jump and so on; 'aher list-categories' shows all"):
        category_labels(["qqq"], known)
    with pytest.raises(ConfigError, match="'categories' is empty"):
        category_labels([], known)
