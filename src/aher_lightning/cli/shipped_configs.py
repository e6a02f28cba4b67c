"""Find and check configurations, those that ship with the package by name."""

from __future__ import annotations

from pathlib import Path

from aher_lightning.errors import UsageError, nearest

_PACKAGE = Path(__file__).parents[1]

_SUFFIX = ".yaml"


def configs_folder() -> Path:
    """Return the folder of shipped configurations: inside a wheel, or at the root of a checkout."""
    installed = _PACKAGE / "configs"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "configs"


def list_configs() -> list[str]:
    """Return the paths of all shipped configurations and job scripts below their folder; those of sub-folders last.

    Example:
        >>> {"demo.yaml", "variants/stage0.yaml", "slurm/fit.sbatch"} <= {*list_configs()}
        True
    """
    folder = configs_folder()
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in {_SUFFIX, ".sbatch"})
    return [path.as_posix() for path in sorted(paths, key=lambda path: (path.parent.as_posix(), path.name))]


def find_shipped(name: str) -> Path | None:
    """Return the shipped configuration of a name, whose suffix ``.yaml`` may be missing, or ``None``.

    Example:
        >>> find_shipped("demo") == find_shipped("demo.yaml") == configs_folder() / "demo.yaml"
        True
    """
    shipped = {*list_configs()}
    return next((configs_folder() / one for one in (name, name + _SUFFIX) if one in shipped), None)


def describe_config(path: Path) -> str:
    """Return the first comment line of a configuration or script, with dots if its sentence goes on; empty without one.

    Example:
        >>> describe_config(configs_folder() / "loggers" / "csv.yaml")
        'Logs to a CSV table, with images as files beside it.'
    """
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#!")]
    if not lines or not lines[0].startswith("#"):
        return ""
    first = lines[0].lstrip("#").strip()
    goes_on = len(lines) > 1 and lines[1].startswith("#") and not first.endswith((".", ":", ";"))
    return f"{first} ..." if goes_on else first.rstrip(":;")


def find_config(name: str) -> str:
    """Return the path of a local file, or else of the shipped configuration of that name.

    The suffix ``.yaml`` may be missing. Options in place of a name, such as ``{iterations: 10}``, are returned as they
    are.

    Raises:
        UsageError: If there is no such file and no such shipped configuration.

    Example:
        >>> Path(find_config("demo.yaml")).is_file()
        True
    """
    if not name or ":" in name:
        return name
    local = next((one for one in (name, name + _SUFFIX) if Path(one).is_file()), None)
    found = local or find_shipped(name)
    if found is None:
        raise unknown_config(name, f"no such file, and none of the configurations in {configs_folder()}")
    return str(found)


def unknown_config(name: str, fact: str) -> UsageError:
    """Return the error about a name that is no configuration; it suggests the nearest shipped one.

    Args:
        name: What was asked for.
        fact: What is wrong with it.
    """
    shipped = list_configs()
    # Folders are easily forgotten or mistaken; of files of one name, the one of the fewest folders is meant.
    by_file = {Path(one).stem: one for one in reversed(shipped)}
    by_path = {one.removesuffix(_SUFFIX): one for one in shipped}
    alike = Path(name).stem if Path(name).stem in by_file else nearest(name.removesuffix(_SUFFIX), by_file | by_path)
    meant = f", did you mean '{(by_file | by_path)[alike]}'" if alike is not None else ""
    return UsageError(f"{name}: {fact}{meant}", hint="'aher configs' lists the shipped ones")


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
