"""Errors caused by user input; each message is one line that names the problem and the remedy."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


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
    """Invalid arguments or configuration; the command line exits with 2."""


class VideoError(AherError):
    """A video is missing, empty, damaged, or no video."""


class DecoderLostError(VideoError):
    """The process that decodes a video crashed or exceeded its time limit."""


def first_cause(error: BaseException) -> BaseException:
    """Return the error that others were raised from; libraries wrap it in errors with long texts."""
    while (before := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = before
    return error


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
