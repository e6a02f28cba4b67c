"""Errors caused by user input; each message is one line that names the problem and the remedy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

MOST_NAMED = 5
"""How many names an error message lists; a setting may have hundreds of categories."""


class AherError(Exception):
    """Base of all errors that users can fix; the command line prints the message and exits with 1."""


class AnnotationError(AherError):
    """An annotation file, or one of its entries, cannot be used."""


class CheckpointError(AherError):
    """A checkpoint is missing, unreadable, or belongs to another model."""


class ConfigError(AherError):
    """Options conflict, or name something that does not exist."""


class ContractError(AherError):
    """Features, videos and model differ in how frames become features."""


class DataError(AherError):
    """A data folder, feature store or sample is missing or damaged."""


class PredictionError(AherError):
    """A prediction file cannot be used."""


class TrainingError(AherError):
    """Training cannot continue: a loss is not finite."""


class UsageError(ConfigError):
    """Invalid arguments or configuration; the command line exits with 2.

    Args:
        message: What is wrong.
        hint: What lists the valid names, such as "'aher configs' lists them"; by default the help of the command.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class VideoError(AherError):
    """A video is missing, empty, damaged, or no video."""


class DecoderLostError(VideoError):
    """The process that decodes a video crashed or exceeded its time limit."""


def first_cause(error: BaseException) -> BaseException:
    """Return the error that others were raised from; libraries wrap it in errors with long texts."""
    while (before := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = before
    return error


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name most like a word, whatever the case, or ``None`` if none is like it.

    Example:
        >>> nearest("anchor_head", ["AnchorHead", "PointHead"]), nearest("x", ["AnchorHead"])
        ('AnchorHead', None)
    """
    plain = {name.casefold().replace("_", "-"): name for name in known}
    alike = get_close_matches(word.casefold().replace("_", "-"), plain, n=1)
    return plain[alike[0]] if alike else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of an error message that suggests the known name most like a word; empty if none is like it.

    Example:
        >>> did_you_mean("localise", ["localize", "export"])
        ", did you mean 'localize'"
    """
    name = nearest(word, known)
    return "" if name is None else f", did you mean '{name}'"


def name_some(names: Sequence[str]) -> str:
    """Return the first few of some names, and how many more there are; "none" without any.

    Example:
        >>> name_some(["clap", "wave"]), name_some("abcdefg"), name_some([])
        ('clap, wave', 'a, b, c, d, e and 2 more', 'none')
    """
    more = len(names) - MOST_NAMED
    return (", ".join(names[:MOST_NAMED]) or "none") + (f" and {more} more" if more > 0 else "")


@cache
def require_extra(extra: str, purpose: str) -> None:
    """Raise if a package of an extra is missing.

    Args:
        extra: Its name in ``pyproject.toml``.
        purpose: What needs it, the subject of the message.

    Raises:
        ConfigError: If one of its packages is missing, or older than the extra asks for.
    """
    from lightning_utilities.core.imports import RequirementCache  # here, as errors are imported at every start

    if not RequirementCache(f"aher-lightning[{extra}]"):
        raise ConfigError(_missing_extra(extra, purpose))


def import_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra's package.

    Args:
        module: Its name.
        extra: Name of the extra in ``pyproject.toml``.
        purpose: What needs it, the subject of the message.

    Raises:
        ConfigError: If it cannot be imported: it is missing, old, or built for another version of torch.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise ConfigError(_missing_extra(extra, purpose)) from missing
    except (ImportError, RuntimeError, OSError) as failure:
        reason = " ".join(str(failure).split())
        raise ConfigError(
            f"{purpose} needs '{module}', which cannot be imported ({reason:.200}); install versions that fit "
            f'together: pip install "aher-lightning[{extra}]"'
        ) from failure


def _missing_extra(extra: str, purpose: str) -> str:
    """The line about packages that are not there."""
    return f'{purpose} needs packages that are missing or old: pip install "aher-lightning[{extra}]"'
