"""Category splits of the paper's settings, as data files."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.errors import ConfigError


def split_path(name: str) -> Path:
    """Return the path of a shipped split, a JSON file ``{"untrimmed": [names], "moment": [names]}``.

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
        raise ConfigError(f"no category split '{name}' in the package; choose one of {known}")
    return path
