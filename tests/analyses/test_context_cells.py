from __future__ import annotations

import pytest
import torch

from aher_lightning.analyses.context_cells import (
    Cells,
    cell_states,
    choose_level,
    draw_cells,
    join_cells,
    select_cells,
)
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.structures import Targets


def cells(count: int, width: int = 2) -> Cells:
    return Cells(torch.arange(count * width, dtype=torch.float32).view(count, width), torch.arange(count))


def test_a_cell_is_background_by_all_of_its_predictions() -> None:
    is_background = torch.tensor([[1, 1, 1, 0, 0, 1, 0, 0], [1, 0, 0, 0, 1, 1, 0, 1]], dtype=torch.bool)
    is_foreground = torch.tensor([[0, 1, 0, 1], [0, 0, 0, 0]], dtype=torch.bool)
    targets = Targets(is_foreground, torch.zeros(2, 4, dtype=torch.int64), is_background, {})
    first, second = cell_states(targets, [3, 1])
    assert first.tolist() == [[0, 1, -1], [-1, -1, 0]]
    assert second.tolist() == [[1], [-1]]


def test_the_features_of_a_cell_are_those_of_its_place() -> None:
    levels = [torch.arange(12.0).view(2, 3, 2), torch.arange(8.0).view(2, 4, 1)]
    states = [torch.tensor([[0, 1], [0, 0]]), torch.tensor([[1], [0]])]
    fine, coarse = select_cells(levels, states, 0, first_source=5)
    assert fine.features.tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0], [7.0, 9.0, 11.0]]
    assert fine.sources.tolist() == [5, 6, 6]
    assert coarse.features.tolist() == [[4.0, 5.0, 6.0, 7.0]]
    assert coarse.sources.tolist() == [6]
    assert select_cells(levels, states, -1)[0].features.shape == (0, 3)


def test_batches_are_joined_level_by_level() -> None:
    joined = join_cells([[cells(2), cells(1, 3)], [cells(0), cells(2, 3)]])
    assert [tuple(one.features.shape) for one in joined] == [(2, 2), (3, 3)]
    assert joined[1].sources.tolist() == [0, 0, 1]


def test_the_first_level_with_enough_cells_of_each_kind_is_chosen() -> None:
    kinds = {"a": [cells(2), cells(9), cells(7)], "b": [cells(20), cells(5), cells(6)]}
    assert choose_level(kinds, wanted=2) == 1
    assert choose_level(kinds, wanted=5) == 2
    assert choose_level(kinds, wanted=6) == 3
    assert choose_level(kinds, wanted=50) == 3  # none has so many: the one that comes closest
    assert choose_level(kinds, wanted=50, level=1) == 1


def test_a_level_that_cannot_be_compared_is_refused() -> None:
    kinds = {"foreground": [cells(0), cells(3)], "background": [cells(2), cells(2)]}
    with pytest.raises(DataError, match="level 1 has no cell of foreground; choose another level"):
        choose_level(kinds, 5, level=1)
    with pytest.raises(DataError, match="level 1 has no cell of a"):
        choose_level({"a": [cells(0)]}, 5)
    for level in (0, 3):
        with pytest.raises(ConfigError, match=f"level is {level}, but the network has levels 1 to 2"):
            choose_level(kinds, 5, level=level)


def test_cells_are_drawn_once_and_repeatably() -> None:
    drawn = draw_cells(cells(20), 12, 0, "a")
    assert len(set(drawn.sources.tolist())) == 12
    assert torch.equal(drawn.features, cells(20).features[drawn.sources])
    assert torch.equal(drawn.sources, draw_cells(cells(20), 12, 0, "a").sources)
    assert not torch.equal(drawn.sources, draw_cells(cells(20), 12, 1, "a").sources)
    assert sorted(draw_cells(cells(3), 12, 0).sources.tolist()) == [0, 1, 2]
