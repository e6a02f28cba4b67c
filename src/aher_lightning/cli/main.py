"""The ``aher`` command: dispatches to commands and reports failures.

Slow imports wait until a command runs: help and invalid arguments are answered at once.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from importlib.metadata import version

from rich.markup import escape

from aher_lightning import __version__
from aher_lightning.cli.command_table import COMMANDS, DEBUG, DEBUG_HELP, TRAINER_COMMANDS, CommandGroup
from aher_lightning.cli.shipped_configs import check_config, find_config
from aher_lightning.console import error_console, output_console
from aher_lightning.errors import AherError, ConfigError, DataError, UsageError, did_you_mean

_HOW_TO_RESUME = {"fit": "; if it has saved a checkpoint, resume with --ckpt_path last"}
"""How to resume after an interruption, unless by running the same command again."""

_CONFIG_OPTIONS = ("--config", "-c")

_LOG = logging.getLogger(__name__)


def _run_command(name: str, arguments: Sequence[str]) -> object:
    """Run a command that is not Lightning's, and return the result of its function."""
    command = COMMANDS[name]
    if isinstance(command, CommandGroup):
        kind = arguments[0] if arguments else ""
        if kind not in command.kinds:
            raise SystemExit(_show_kinds(name, command, kind))
        name, command, arguments = f"{name} {kind}", command.kinds[kind], arguments[1:]
    from aher_lightning.cli.function_commands import run_function

    return run_function(name, command, arguments)


def usage() -> str:
    """Return the overview that ``aher --help`` shows."""
    summaries = {**{name: command.summary for name, command in COMMANDS.items()}, **TRAINER_COMMANDS}
    return _overview("aher COMMAND", summaries)


def _unknown(command: str, what: str, word: str, known: Iterable[str]) -> str:
    """Return the error line about an unknown command, or subcommand."""
    meant = did_you_mean(word, known)
    return f"{command}: unknown {what} '{word:.40}'{meant}{'?' if meant else ';'} '{command} --help' lists all"


def _show_kinds(name: str, group: CommandGroup, kind: str) -> int:
    """Show the subcommands of a command, or that one is unknown; return the exit code."""
    is_asked = kind in {"--help", "-h"}
    console = output_console() if is_asked else error_console()
    if kind.startswith("-") or not kind:
        kinds = {one: command.summary for one, command in group.kinds.items()}
        console.print(_overview(f"aher {name} KIND", kinds), markup=False)
    else:
        console.print(_unknown(f"aher {name}", "kind", kind, group.kinds), markup=False)
    return 0 if is_asked else 2


def _overview(command: str, summaries: Mapping[str, str]) -> str:
    """Return the text that lists the commands, or subcommands, with their one-line summaries."""
    lines = [f"usage: {command} [options]     ({command} --help lists the options)", ""]
    lines += [f"  {name:<18} {summary}" for name, summary in summaries.items()]
    lines += ["", "A --config that is not a local file is looked up among the shipped ones: 'aher configs' lists them."]
    return "\n".join([*lines, DEBUG_HELP])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Command-line arguments; those of the process if not given.

    Returns:
        Exit code: 0 success, 1 the work failed, 2 wrong usage.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    words = [word for word in given if word != DEBUG]
    command = words[0] if words else ""
    if command in {"--version", "-V"}:
        output_console().print(f"aher_lightning {__version__}, torch {version('torch')}")
        return 0
    if command in {"--help", "-h"}:
        output_console().print(usage(), markup=False)
        return 0
    if command not in {*COMMANDS, *TRAINER_COMMANDS}:
        unknown = _unknown("aher", "command", command, [*COMMANDS, *TRAINER_COMMANDS])
        error_console().print(unknown if command else usage(), markup=False)
        return 2
    with _show_tracebacks() if DEBUG in given else nullcontext():
        return run(command, words[1:])


@contextmanager
def _show_tracebacks() -> Iterator[None]:
    """Write debug messages, with the traceback of every failure, to standard error meanwhile."""
    logger, handler = logging.getLogger("aher_lightning"), logging.StreamHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def run(command: str, arguments: Sequence[str]) -> int:
    """Run a command, report its failure if any, and return the exit code."""
    try:
        words = _find_configs(arguments)
        if command in TRAINER_COMMANDS:
            from aher_lightning.cli.trainer import run_trainer

            run_trainer([command, *words])
        else:
            _run_command(command, words)
    except SystemExit as stop:  # from --help, or from a signal that Lightning handled
        return _exit_code(command, stop)
    except Exception as error:
        # The parser wraps errors of constructors; ours must come out as the one line they are.
        cause = _find_user_error(error)
        if cause is None:
            raise
        _LOG.debug("aher %s failed:", command, exc_info=error)
        return _report_failure(command, cause)
    except KeyboardInterrupt:
        return _report_interruption(command)
    return 0


def _exit_code(command: str, stop: SystemExit) -> int:
    """Exit code of a command that ended itself: 130 after Ctrl-C, 143 after SIGTERM, with a message; else its own."""
    if isinstance(stop.__context__, KeyboardInterrupt):
        return _report_interruption(command)
    if type(stop).__name__ == "SIGTERMException":  # Lightning's; by name, as usage errors must not wait for its import
        error_console().print(f"aher {command}: terminated{_HOW_TO_RESUME.get(command, '')}")
        return 143
    return stop.code if isinstance(stop.code, int) else 2


def _report_interruption(command: str) -> int:
    """Report an interruption; return the exit code."""
    error_console().print(f"aher {command}: interrupted{_HOW_TO_RESUME.get(command, '')}")
    return 130


def _report_failure(command: str, error: AherError) -> int:
    """Print the error in one line; return the exit code."""
    line, code = str(error), 1
    if isinstance(error, UsageError):
        hint = error.hint or f"'aher {command} --help' lists the options"
        line, code = f"{line}; {hint}", 2
    error_console().print(f"[bold red]aher {command}:[/] {escape(line)}")
    return code


def _find_user_error(error: BaseException) -> AherError | None:
    """Our error that another was raised from, or one made of a complaint of the file system or Lightning, or ``None``.

    Only explicit causes count, which the parser sets. An error that occurs while another is handled is a bug of ours.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, AherError):
        cause = cause.__cause__
    if cause is None and isinstance(error, OSError) and error.filename is not None:
        return DataError(f"{error.filename}: {error.strerror}; choose another place or correct the path")
    if cause is None and _is_lightnings(error):
        return ConfigError(f"{' '.join(str(error).split())} Lightning says so; change the options of 'trainer'")
    return cause


def _is_lightnings(error: BaseException) -> bool:
    """Whether Lightning complains about a configuration."""
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    return isinstance(error, MisconfigurationException)


def _find_configs(arguments: Sequence[str]) -> list[str]:
    """Return arguments in which each ``--config`` that is not a local file is the shipped one of that name."""
    words = list(arguments)
    for position, word in enumerate(words):
        option, equals, name = word.partition("=")
        if option in _CONFIG_OPTIONS and equals:
            words[position] = f"{option}={check_config(find_config(name))}"
        elif position and words[position - 1] in _CONFIG_OPTIONS and not word.startswith("-"):
            words[position] = check_config(find_config(word))
    return words


def console_main() -> None:
    """Entry point of the ``aher`` console script."""
    sys.exit(main())
