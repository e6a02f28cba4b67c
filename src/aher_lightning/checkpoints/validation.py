"""Validation of checkpoint content: files from others must not crash what reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import ADDED_ROWS, FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.stored_backbone import OMITTED_KEY, is_omission
from aher_lightning.errors import CheckpointError, ContractError
from aher_lightning.models.bank_content import read_bank
from aher_lightning.structures import AddedCategory, EvaluatedSet
from aher_lightning.video.contract import TemporalContract


def validate_trained(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Refuse a checkpoint with a missing or malformed entry.

    Args:
        checkpoint: Its content.
        path: The file, for the message.

    Raises:
        CheckpointError: If its weights are not named tensors, or an entry is malformed.
    """
    weights, state = checkpoint["state_dict"], checkpoint[STATE_KEY]
    if not isinstance(state, dict):
        raise _damaged(path, STATE_KEY)
    if not _is_tensors(weights):
        raise _damaged(path, "state_dict")
    for name, is_sound in _CHECKS.items():
        if name not in state or not is_sound(state[name]):
            raise _damaged(path, name)
    contract = state.get("contract", "missing")  # None if training had no video data
    if contract is not None:
        _check_contract(contract, path)
    moment, added = state["categories"]["moment"], state.get("added")
    if not _are_added(added, moment):
        raise _damaged(path, "added")
    if not _are_rows(weights, len(state["added"])):
        raise _damaged(path, ADDED_ROWS)
    if OMITTED_KEY in state and not is_omission(state[OMITTED_KEY]):
        raise _damaged(path, OMITTED_KEY)
    if FEATURE_BANK_KEY in state and not _is_feature_bank(state[FEATURE_BANK_KEY], state["categories"]):
        raise _damaged(path, FEATURE_BANK_KEY)


def _damaged(path: Path, name: str) -> CheckpointError:
    """The error about one entry."""
    return CheckpointError(f"{path}: its entry '{name}' is missing or damaged; give a file of 'aher fit'")


def _is_tensors(weights: object) -> bool:
    return isinstance(weights, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in weights.items()
    )


def _are_names(names: object) -> bool:
    if not isinstance(names, list):
        return False
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _are_categories(categories: object) -> bool:
    if not isinstance(categories, dict) or categories.keys() != {"untrimmed", "moment", "evaluated"}:
        return False
    return (
        _are_names(categories["untrimmed"])
        and _are_names(categories["moment"])
        and categories["evaluated"] in get_args(EvaluatedSet)
    )


def _are_added(added: object, moment: list[str]) -> bool:
    """Whether these describe the last moment categories."""
    if not isinstance(added, list) or not all(isinstance(one, dict) for one in added):
        return False
    if not all(one.keys() == set(AddedCategory._fields) for one in added):
        return False
    are_kinds = all(isinstance(one["version"], str) and _is_count(one["clips"]) for one in added)
    return are_kinds and [one["name"] for one in added] == moment[len(moment) - len(added) :]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_length(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value is None or (is_number and 0 < value < math.inf)  # type: ignore[operator]  # a number, as was checked


def _is_configuration(value: object) -> bool:
    """Plain values as from a YAML file; empty if the module was trained without the command line."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return isinstance(value, dict) and (
        not value or (isinstance(value.get("class_path"), str) and isinstance(value.get("init_args"), dict))
    )


def _check_contract(contract: object, path: Path) -> None:
    """Refuse a malformed temporal contract."""
    if not isinstance(contract, dict):
        raise _damaged(path, "contract")
    try:
        TemporalContract.from_dict(contract)
    except ContractError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except (TypeError, ValueError):
        raise _damaged(path, "contract") from None


def _are_rows(weights: Mapping[str, Tensor], num_added: int) -> bool:
    """Whether there is a row for each added category; other shapes are checked on loading."""
    rows = weights.get(ADDED_ROWS)
    if rows is None:
        return num_added == 0
    prefix = ADDED_ROWS.removesuffix("rows")
    tables = [value for name, value in weights.items() if name.startswith(prefix) and name != ADDED_ROWS]
    if rows.dtype != torch.int64 or rows.ndim != 1 or not all(value.ndim for value in tables):
        return False
    is_increasing = bool((rows.diff() > 0).all()) and (not len(rows) or int(rows[0]) >= 0)
    num_rows = min((len(value) for value in tables), default=0)
    is_within = not len(rows) or int(rows[-1]) < num_rows
    return len(rows) == num_added and is_increasing and is_within and all(len(value) == num_rows for value in tables)


def _is_feature_bank(bank: object, categories: Mapping[str, list[str]]) -> bool:
    """Whether everything in it is sound, and every label is a category."""
    try:
        moments, videos = read_bank(bank)
    except CheckpointError:
        return False
    return all(
        not labels.numel() or int(labels.max()) < len(categories[name])
        for labels, name in ((moments.labels, "moment"), (videos.labels, "untrimmed"))
    )


_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "categories": _are_categories,
    "iteration": _is_count,
    "window_sec": _is_length,
    "version": lambda value: isinstance(value, str),
    "configuration": _is_configuration,
}
"""Check of each entry, by name."""
