"""Category splits of the paper's settings, as data files."""

from __future__ import annotations

import json
from pathlib import Path

from aher_lightning.errors import ConfigError


def split_path(name: str) -> Path:
    """Return the JSON file of a split, ``{"untrimmed": [names], "moment": [names]}``.

    Args:
        name: Name of the split, such as ``"anet_un_am"``.

    Returns:
        Its path inside the package.

    Raises:
        ConfigError: If there is no such split.

    Example:
        >>> split_path("anet_un_am").name
        'anet_un_am.json'
    """
    folder = Path(__file__).parent
    path = folder / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.json")))
        raise ConfigError(f"no category split '{name}' in the package; it has {known}")
    return path


def same_categories(name: str) -> list[tuple[str, str]]:
    """Return the categories of a split that mean the same in both sets, under whatever names.

    Only pairs that are certain are listed; docs/paper_settings.md also names those that merely overlap.

    Args:
        name: Name of the split, such as ``"th14_anet_fg"``.

    Returns:
        Pairs of an untrimmed and a moment category; none for a split of one data set.

    Raises:
        ConfigError: If there is no such split.

    Example:
        >>> same_categories("th14_anet_fg")[1]
        ('CleanAndJerk', 'Clean and jerk')
    """
    path = split_path(name).parent / "same" / f"{name}.json"
    pairs = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [(untrimmed, moment) for untrimmed, moment in pairs]
