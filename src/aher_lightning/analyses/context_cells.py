"""Cells of the feature pyramid that show foreground, or real or synthetic background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.errors import ConfigError, DataError
from aher_lightning.ops.matching import BACKGROUND, FOREGROUND, IGNORED
from aher_lightning.ops.randomness import random_generator


class Cells(NamedTuple):
    """Cells of one pyramid level.

    Attributes:
        features: One feature vector per cell, ``(M, d)``.
        sources: Number of the video or moment of each cell, int64 ``(M,)``.
    """

    features: Tensor
    sources: Tensor


def cell_states(states: Tensor, cells_per_level: Sequence[int]) -> list[Tensor]:
    """Return what each cell shows.

    The anchors of a cell share its feature vector, so cells are what can be drawn without repetition. A cell is
    foreground if any of its anchors is, and background if all of them are.

    Args:
        states: States of the anchors as :func:`~aher_lightning.ops.matching.match_anchors` gives them,
            int64 ``(B, A)``.
        cells_per_level: Cells ``n_j`` of the L levels; A is a multiple of their sum.

    Returns:
        1 foreground, 0 background, -1 neither; int64 ``(B, n_j)`` for each level.

    Example:
        >>> cell_states(torch.tensor([[0, 0, -1, 1, 0, -1]]), [2, 1])
        [tensor([[0, 1]]), tensor([[-1]])]
    """
    by_cell = states.view(len(states), sum(cells_per_level), -1)  # (B, N, R)
    cells = torch.full_like(by_cell[..., 0], IGNORED)
    cells[(by_cell == BACKGROUND).all(dim=-1)] = BACKGROUND
    cells[(by_cell == FOREGROUND).any(dim=-1)] = FOREGROUND
    return list(cells.split_with_sizes(list(cells_per_level), dim=1))


def select_cells(levels: Sequence[Tensor], states: Sequence[Tensor], state: int, first_source: int = 0) -> list[Cells]:
    """Return the cells of one state, per level.

    Args:
        levels: Feature maps, shapes ``(B, d_j, n_j)``.
        states: Result of :func:`cell_states` for the same B videos.
        state: The state to select.
        first_source: Number of the first of the B videos.
    """
    selected = []
    for features, of_level in zip(levels, states, strict=True):
        rows, columns = (of_level == state).nonzero(as_tuple=True)
        selected.append(Cells(features[rows, :, columns], rows + first_source))
    return selected


def join_cells(parts: Sequence[Sequence[Cells]]) -> list[Cells]:
    """Concatenate the cells of several batches, level by level."""
    return [Cells(*(torch.cat(field) for field in zip(*cells, strict=True))) for cells in zip(*parts, strict=True)]


def choose_level(kinds: Mapping[str, Sequence[Cells]], wanted: int, level: int | None = None) -> int:
    """Return the pyramid level to compare the kinds on.

    Levels differ in the width of their features, so that cells of one level only can be compared. Without a
    wish, it is the first level, from fine to coarse, that has as many cells of each kind as wanted; if none has,
    the one that comes closest.

    Args:
        kinds: The cells of each level, by kind.
        wanted: Cells wanted of each kind.
        level: The level wished for, from 1; ``None`` leaves the choice to the rule.

    Returns:
        The level, from 1.

    Raises:
        ConfigError: If there is no such level.
        DataError: If a kind has no cell on the level.
    """
    fewest = [min(len(one.features) for one in cells) for cells in zip(*kinds.values(), strict=True)]
    if level is not None and not 1 <= level <= len(fewest):
        raise ConfigError(f"level is {level}, but the network has levels 1 to {len(fewest)}; choose one of these")
    enough = (number for number, count in enumerate(fewest, start=1) if count >= wanted)
    chosen = level or next(enough, 1 + fewest.index(max(fewest)))
    if not fewest[chosen - 1]:
        empty = next(kind for kind, cells in kinds.items() if not len(cells[chosen - 1].features))
        raise DataError(f"level {chosen} has no cell of {empty}; choose another level or take more moments")
    return chosen


def draw_cells(cells: Cells, count: int, *key: int | str) -> Cells:
    """Return ``min(M, count)`` of M cells, drawn at random without replacement by the key."""
    order = torch.randperm(len(cells.sources), generator=random_generator(*key))[:count]
    return Cells(cells.features[order], cells.sources[order])
