"""Find and check configurations, those that ship with the package by name."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.errors import UsageError

_PACKAGE = Path(__file__).parents[1]


def configs_folder() -> Path:
    """Return the folder of shipped configurations: inside a wheel, or at the root of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "configs"


def find_config(name: str) -> str:
    """Return the path of a local file, or else of the shipped configuration of that name.

    A name that is neither is returned unchanged, so that the parser reports it.

    Example:
        >>> Path(find_config("demo.yaml")).is_file()
        True
    """
    shipped = configs_folder() / name
    return str(shipped) if not Path(name).is_file() and shipped.is_file() else name


def check_config(path: str) -> str:
    """Return the path of a configuration, after checking that it holds options; a missing file is left to the parser.

    The parser reports wrong options, but does not name a file that has none.

    Raises:
        UsageError: If the file is not text, not YAML, or holds anything but options.
    """
    import yaml

    if not Path(path).is_file():
        return path
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as failure:
        raise UsageError(f"{path}: cannot be read ({failure.strerror}); change its rights or name another") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text; give a configuration in YAML") from None
    except yaml.YAMLError as failure:
        mark, problem = getattr(failure, "problem_mark", None), getattr(failure, "problem", None)
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise UsageError(f"{path}: is not valid YAML ({line}{problem or 'odd characters'}); correct it") from None
    if not isinstance(content, dict):
        what = "nothing" if content is None else f"a {type(content).__name__}"
        raise UsageError(f"{path}: holds {what} where options are expected; write lines such as 'iterations: 1000'")
    return path
