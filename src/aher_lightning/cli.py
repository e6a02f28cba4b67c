"""The ``aher`` command: which verb is asked for, and how failures are told.

Whatever takes long to import is imported when a verb is run: help, and words that are wrong, are answered at once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from rich.markup import escape

from aher_lightning import __version__
from aher_lightning.console import error_console, output_console
from aher_lightning.errors import AherError, ConfigError, DataError
from aher_lightning.shipped_configs import find_config
from aher_lightning.verbs import TRAINER_VERBS, VERBS, VerbGroup


def run_verb(name: str, arguments: Sequence[str]) -> object:
    """Run a verb that is none of Lightning's.

    Args:
        name: The verb.
        arguments: The words after it; of a group, the kind first.

    Returns:
        What its function returns.
    """
    verb = VERBS[name]
    if isinstance(verb, VerbGroup):
        kind = arguments[0] if arguments else ""
        if kind not in verb.kinds:
            is_asked = kind in {"--help", "-h"}
            (output_console() if is_asked else error_console()).print(group_usage(name, verb), markup=False)
            raise SystemExit(0 if is_asked else 2)
        name, verb, arguments = f"{name} {kind}", verb.kinds[kind], arguments[1:]
    from aher_lightning.function_verbs import run_function

    return run_function(name, verb, arguments)


def usage() -> str:
    """Return the overview that ``aher --help`` shows."""
    summaries = {**{name: verb.summary for name, verb in VERBS.items()}, **TRAINER_VERBS}
    return overview("aher VERB", summaries)


def group_usage(name: str, group: VerbGroup) -> str:
    """Return the overview of a verb with kinds.

    Args:
        name: The verb.
        group: Its kinds.

    Returns:
        The text, several lines.
    """
    return overview(f"aher {name} KIND", {kind: verb.summary for kind, verb in group.kinds.items()})


def overview(command: str, summaries: Mapping[str, str]) -> str:
    """Return the text that lists what may stand for the last word of a command.

    Args:
        command: The command.
        summaries: What each word does, one line.

    Returns:
        The text, several lines.
    """
    lines = [f"usage: {command} [options]     ({command} --help lists the options)", ""]
    lines += [f"  {name:<18} {summary}" for name, summary in summaries.items()]
    return "\n".join([*lines, "", "A --config that is no local file is looked up among the shipped ones."])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; those of the process if not given.

    Returns:
        Exit code: 0 success, 1 the work failed, 2 wrong usage.
    """
    words = find_configs(sys.argv[1:] if arguments is None else arguments)
    verb = words[0] if words else ""
    if verb in {"--version", "-V"}:
        output_console().print(f"aher_lightning {__version__}, torch {version('torch')}")
        return 0
    if verb in {"--help", "-h"}:
        output_console().print(usage(), markup=False)
        return 0
    try:
        if verb in TRAINER_VERBS:
            from aher_lightning.trainer_cli import run_trainer

            run_trainer(words)
        elif verb in VERBS:
            run_verb(verb, words[1:])
        else:
            error_console().print(usage(), markup=False)
            return 2
    except AherError as error:
        return report_failure(verb, error)
    except SystemExit as stop:  # jsonargparse has said what is wrong with the usage
        return stop.code if isinstance(stop.code, int) else 2
    except Exception as error:
        # The parser wraps errors of constructors; ours must come out as the one line they are.
        cause = find_user_error(error)
        if cause is None:
            raise
        return report_failure(verb, cause)
    except KeyboardInterrupt:
        error_console().print(f"aher {verb}: interrupted")
        return 130
    return 0


def report_failure(verb: str, error: AherError) -> int:
    """Print what the user can mend, in one line.

    Args:
        verb: What was asked for.
        error: Why it failed.

    Returns:
        The exit code.
    """
    error_console().print(f"[bold red]aher {verb}:[/] {escape(str(error))}")
    return 1


def find_user_error(error: BaseException) -> AherError | None:
    """Return the error of ours that another one was raised from.

    Args:
        error: Any error.

    Returns:
        The first one of ours along the chain of causes; one made of what the file system or Lightning complains
        about; else nothing.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AherError):
        cause = cause.__cause__ or cause.__context__
    if cause is None and isinstance(error, OSError) and error.filename is not None:
        return DataError(f"{error.filename}: {error.strerror}; choose another place or correct the path")
    if cause is None and is_lightnings(error):
        return ConfigError(" ".join(str(error).split()))
    return cause


def is_lightnings(error: BaseException) -> bool:
    """Whether Lightning complains about a configuration.

    Args:
        error: Any error.

    Returns:
        The answer.
    """
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    return isinstance(error, MisconfigurationException)


def find_configs(arguments: Sequence[str]) -> list[str]:
    """Return the words with every ``--config`` that is no local file replaced by the shipped one of that name.

    Args:
        arguments: Words of the command line.

    Returns:
        The words.
    """
    words = list(arguments)
    for position, word in enumerate(words):
        if word.startswith("--config="):
            words[position] = f"--config={find_config(word.removeprefix('--config='))}"
        elif position and words[position - 1] in {"--config", "-c"}:
            words[position] = find_config(word)
    return words


def console_main() -> None:
    """Entry point of the ``aher`` console script."""
    sys.exit(main())
