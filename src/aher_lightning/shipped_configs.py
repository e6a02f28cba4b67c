"""The configurations that come with the package, found by name from anywhere."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def configs_folder() -> Path:
    """Return the folder of shipped configurations: inside a wheel, or at the root of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "configs"


def find_config(name: str) -> str:
    """Return the path of a configuration.

    Args:
        name: A path, or the name of a shipped configuration such as ``"anet_un_am.yaml"``.

    Returns:
        The path of the local file if there is one, else of the shipped one, else the name unchanged,
        so that the parser reports it.

    Example:
        >>> Path(find_config("demo.yaml")).is_file()
        True
    """
    shipped = configs_folder() / name
    return str(shipped) if not Path(name).is_file() and shipped.is_file() else name
