"""The ``aher`` command: which verb is asked for, and how failures are told.

Whatever takes long to import is imported when a verb is run: help, and words that are wrong, are answered at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from importlib.metadata import version

from rich.markup import escape

from aher_lightning import __version__
from aher_lightning.cli.shipped_configs import check_config, find_config
from aher_lightning.cli.verbs import DEBUG, DEBUG_HELP, TRAINER_VERBS, VERBS, VerbGroup
from aher_lightning.console import error_console, output_console
from aher_lightning.errors import AherError, ConfigError, DataError, UsageError

GO_ON = {"fit": "; if it has saved a checkpoint, go on with --ckpt_path last"}
"""What to do after an interruption, where it is not simply to give the command again."""

_LOG = logging.getLogger(__name__)


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
    from aher_lightning.cli.function_verbs import run_function

    return run_function(name, verb, arguments)


def usage() -> str:
    """Return the overview that ``aher --help`` shows."""
    summaries = {**{name: verb.summary for name, verb in VERBS.items()}, **TRAINER_VERBS}
    return overview("aher VERB", summaries)


def unknown_verb(verb: str) -> str:
    """Return what to say about a verb that there is not.

    Args:
        verb: The word.

    Returns:
        One line.
    """
    alike = get_close_matches(verb, [*VERBS, *TRAINER_VERBS], n=1)
    meant = f", did you mean '{alike[0]}'?" if alike else ";"
    return f"aher: there is no verb '{verb:.40}'{meant} 'aher --help' lists all"


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
    lines += ["", "A --config that is no local file is looked up among the shipped ones."]
    return "\n".join([*lines, DEBUG_HELP])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words of the command line; those of the process if not given.

    Returns:
        Exit code: 0 success, 1 the work failed, 2 wrong usage.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != DEBUG]
    verb = words[0] if words else ""
    if verb in {"--version", "-V"}:
        output_console().print(f"aher_lightning {__version__}, torch {version('torch')}")
        return 0
    if verb in {"--help", "-h"}:
        output_console().print(usage(), markup=False)
        return 0
    if verb not in {*VERBS, *TRAINER_VERBS}:
        error_console().print(unknown_verb(verb) if verb else usage(), markup=False)
        return 2
    with show_tracebacks() if DEBUG in given else nullcontext():
        return run(verb, words[1:])


@contextmanager
def show_tracebacks() -> Iterator[None]:
    """Write what the package logs for debugging, the traceback of every failure, to standard error meanwhile."""
    logger, handler = logging.getLogger("aher_lightning"), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def run(verb: str, arguments: Sequence[str]) -> int:
    """Run a verb, and tell how it failed if it does.

    Args:
        verb: The verb.
        arguments: The words after it.

    Returns:
        The exit code.
    """
    try:
        words = find_configs(arguments)
        if verb in TRAINER_VERBS:
            from aher_lightning.cli.trainer import run_trainer

            run_trainer([verb, *words])
        else:
            run_verb(verb, words)
    except SystemExit as stop:  # help was asked for, or Lightning was told to end
        return exit_code(verb, stop)
    except Exception as error:
        # The parser wraps errors of constructors; ours must come out as the one line they are.
        cause = find_user_error(error)
        if cause is None:
            raise
        _LOG.debug("aher %s failed:", verb, exc_info=error)
        return report_failure(verb, cause)
    except KeyboardInterrupt:
        return report_interruption(verb)
    return 0


def exit_code(verb: str, stop: SystemExit) -> int:
    """Return the exit code of a command that has ended itself, saying so if it was told to.

    Args:
        verb: What was asked for.
        stop: How it ended.

    Returns:
        130 after Ctrl-C and 143 after SIGTERM, in place of what Lightning makes of them; else what it says.
    """
    if isinstance(stop.__context__, KeyboardInterrupt):
        return report_interruption(verb)
    if type(stop).__name__ == "SIGTERMException":  # Lightning's; by name, lest usage errors wait for its import
        error_console().print(f"aher {verb}: terminated{GO_ON.get(verb, '')}")
        return 143
    return stop.code if isinstance(stop.code, int) else 2


def report_interruption(verb: str) -> int:
    """Say that a command was interrupted.

    Args:
        verb: What was asked for.

    Returns:
        The exit code.
    """
    error_console().print(f"aher {verb}: interrupted{GO_ON.get(verb, '')}")
    return 130


def report_failure(verb: str, error: AherError) -> int:
    """Print what the user can mend, in one line.

    Args:
        verb: What was asked for.
        error: Why it failed.

    Returns:
        The exit code.
    """
    hint = f"; 'aher {verb} --help' lists the options" if isinstance(error, UsageError) else ""
    error_console().print(f"[bold red]aher {verb}:[/] {escape(str(error) + hint)}")
    return 2 if isinstance(error, UsageError) else 1


def find_user_error(error: BaseException) -> AherError | None:
    """Return the error of ours that another one was raised from.

    The parser raises its errors explicitly from those of constructors and links. What was merely being handled when
    another error occurred is not followed: a mistake in a fallback is one of the program, whatever it falls back from.

    Args:
        error: Any error.

    Returns:
        The first one of ours along the chain of explicit causes; one made of what the file system or Lightning
        complains about; else nothing.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AherError):
        cause = cause.__cause__
    if cause is None and isinstance(error, OSError) and error.filename is not None:
        return DataError(f"{error.filename}: {error.strerror}; choose another place or correct the path")
    if cause is None and is_lightnings(error):
        return ConfigError(f"{' '.join(str(error).split())} Lightning says so; change the options of 'trainer'")
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

    Raises:
        UsageError: If a file holds no options.
    """
    words = list(arguments)
    for position, word in enumerate(words):
        if word.startswith("--config="):
            words[position] = f"--config={check_config(find_config(word.removeprefix('--config=')))}"
        elif position and words[position - 1] in {"--config", "-c"}:
            words[position] = check_config(find_config(word))
    return words


def console_main() -> None:
    """Entry point of the ``aher`` console script."""
    sys.exit(main())
