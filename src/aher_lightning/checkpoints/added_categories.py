"""Categories added after training: how a checkpoint stores them, and how they are appended and removed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.models.added_classifier import BLOCK_ROWS
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.bank_content import read_bank
from aher_lightning.structures import AddedCategory

FEATURE_BANK_KEY = "feature_bank"
"""Key of the feature bank in our entry of a checkpoint."""

_NETWORK = "network."
_PREFIX = f"{_NETWORK}added_classifier."

ADDED_ROWS = f"{_PREFIX}rows"
"""Name of the tensor with the row of each added category."""


class LevelRows(NamedTuple):
    """Segment-level classifier of new categories on one level.

    Attributes:
        weight: One row per category, ``(A, d_j)``.
        bias: One per category, ``(A,)``.
    """

    weight: Tensor
    bias: Tensor


def added_categories(checkpoint: Mapping[str, Any]) -> list[AddedCategory]:
    """Return the categories that were added to a checkpoint, in the order of their labels.

    Args:
        checkpoint: Content of a checkpoint.

    Returns:
        The last of its moment categories.
    """
    return [AddedCategory(**one) for one in checkpoint[STATE_KEY]["added"]]


def count_added_rows(checkpoint: Mapping[str, Any]) -> int:
    """Return how many rows a checkpoint has for added categories, free rows included.

    Args:
        checkpoint: Content of a checkpoint with added categories.

    Returns:
        The number S of rows.
    """
    return len(checkpoint["state_dict"][f"{_PREFIX}bias_0"])


def append_added(checkpoint: dict[str, Any], new: Sequence[AddedCategory], levels: Sequence[LevelRows]) -> None:
    """Append categories behind all others, whose places do not change.

    Args:
        checkpoint: Content of a checkpoint; changed in place, but its tensors are not.
        new: The categories.
        levels: Their classifier on each level.
    """
    weights, state = checkpoint["state_dict"], checkpoint[STATE_KEY]
    taken = weights.get(ADDED_ROWS, torch.zeros(0, dtype=torch.int64))
    first = int(taken[-1]) + 1 if len(taken) else 0
    own = torch.arange(first, first + len(new))
    total = -(-(first + len(new)) // BLOCK_ROWS) * BLOCK_ROWS
    weights[ADDED_ROWS] = torch.cat([taken, own])
    for level, rows in enumerate(levels):
        for name, values in (("weight", rows.weight), ("bias", rows.bias)):
            key = f"{_PREFIX}{name}_{level}"
            block = values.new_zeros(total, *values.shape[1:])
            if key in weights:
                block[:first] = weights[key][:first]
            block[own] = values
            weights[key] = block
    state["added"] = [*state["added"], *(one._asdict() for one in new)]
    names = state["categories"]
    state["categories"] = {**names, "moment": [*names["moment"], *(one.name for one in new)]}


def replace_network(checkpoint: dict[str, Any], network: AherNet) -> None:
    """Replace the network of a checkpoint by one of the same architecture; its categories and their places stay.

    Args:
        checkpoint: Content of a checkpoint; changed in place, but its tensors are not.
        network: The network, on any device.
    """
    for name, values in network.state_dict().items():
        checkpoint["state_dict"][f"{_NETWORK}{name}"] = values.cpu()


def drop_added(checkpoint: dict[str, Any], names: Collection[str]) -> None:
    """Remove added categories and their moments in the feature bank; all others keep their rows.

    Args:
        checkpoint: Content of a checkpoint; changed in place, but its tensors are not.
        names: Added categories to remove; other names are ignored.
    """
    weights, state = checkpoint["state_dict"], checkpoint[STATE_KEY]
    added = added_categories(checkpoint)
    if not any(one.name in names for one in added):
        return
    first = len(state["categories"]["moment"]) - len(added)
    kept = [place for place, one in enumerate(added) if one.name not in names]
    moment = state["categories"]["moment"]
    state["categories"] = {**state["categories"], "moment": moment[:first] + [added[place].name for place in kept]}
    state["added"] = [added[place]._asdict() for place in kept]
    if FEATURE_BANK_KEY in state:
        bank = read_bank(state[FEATURE_BANK_KEY])
        state[FEATURE_BANK_KEY] = bank.keep_categories([*range(first), *(first + place for place in kept)]).state()
    keys = [key for key in weights if key.startswith(_PREFIX)]
    if not kept:
        for key in keys:
            del weights[key]
        return
    rows = weights[ADDED_ROWS][kept]
    # Blocks behind the last one in use are dropped.
    total = -(-(int(rows[-1]) + 1) // BLOCK_ROWS) * BLOCK_ROWS
    for key in keys:
        if key != ADDED_ROWS:
            values = torch.zeros_like(weights[key][:total])
            values[rows] = weights[key][rows]
            weights[key] = values
    weights[ADDED_ROWS] = rows
