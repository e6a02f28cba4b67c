"""The configurations that come with the package, found by name from anywhere; and what every one must be."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.errors import UsageError

_PACKAGE = Path(__file__).parents[1]


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


def check_config(path: str) -> str:
    """Return the path of a configuration, after making sure that the parser will find options in it.

    The parser says what is wrong with an option; of a file that has none it does not even say which file.

    Args:
        path: A path; the parser reports a file that is missing.

    Returns:
        The same path.

    Raises:
        UsageError: If the file is no text, no YAML, or holds anything but options.
    """
    import yaml

    if not Path(path).is_file():
        return path
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as failure:
        raise UsageError(f"{path}: cannot be read ({failure.strerror}); change its rights or name another") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is no text in UTF-8; give a configuration in YAML") from None
    except yaml.YAMLError as failure:
        mark, problem = getattr(failure, "problem_mark", None), getattr(failure, "problem", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise UsageError(f"{path}: is no valid YAML ({line}{problem or 'odd characters'}); correct it") from None
    if not isinstance(content, dict):
        what = "nothing" if content is None else f"a {type(content).__name__}"
        raise UsageError(f"{path}: holds {what} where options are expected; write lines such as 'iterations: 1000'")
    return path
