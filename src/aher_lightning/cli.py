"""The ``aher`` command: LightningCLI for training and evaluation, plain functions for everything else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import torch  # first of all: decord must be loaded after it
from jsonargparse import SUPPRESS, ArgumentParser
from lightning_fabric.utilities.exceptions import MisconfigurationException
from rich.markup import escape

from aher_lightning import __version__, datamodules, datasets, losses, models, modules, video
from aher_lightning.command_words import spell_flags, spell_lists, takes_list
from aher_lightning.console import error_console, output_console
from aher_lightning.errors import AherError, ConfigError, DataError
from aher_lightning.shipped_configs import find_config
from aher_lightning.trainer_cli import TRAINER_VERBS, run_trainer

COMPONENTS = (datamodules, datasets, losses, models, modules, video)
"""Packages whose classes configurations name without their path; importing them makes them known."""


class Verb(NamedTuple):
    """A verb that is a plain function.

    Attributes:
        target: ``module:function``; imported when the verb is used.
        summary: What it does, one line.
        positional: Name of the parameter that takes the words without a flag, if any.
        ignored: Options of other verbs that the same configuration may have, and that mean nothing here.
    """

    target: str
    summary: str
    positional: str | None = None
    ignored: tuple[str, ...] = ()


class VerbGroup(NamedTuple):
    """A verb of several kinds, each of them a plain function: ``aher analyze levels``.

    Attributes:
        summary: What the kinds have in common, one line.
        kinds: The kinds by the word that follows the verb.
    """

    summary: str
    kinds: Mapping[str, Verb]


ANALYSES = {
    "levels": Verb("aher_lightning.commands.analyze.levels:levels", "classification accuracy per pyramid level"),
    "contexts": Verb("aher_lightning.commands.analyze.contexts:contexts", "real and synthetic background in a plane"),
    "shares": Verb("aher_lightning.commands.analyze.shares:shares", "full supervision on a share of the annotations"),
    "timelines": Verb("aher_lightning.commands.analyze.timelines:timelines", "detections over the time of videos"),
}

BESIDE_DATA = (
    *("backbone", "checkpoint", "dtype", "retry_failed", "weights"),  # of extract
    *("ckpt_path", "dry_run", "iterations", "model", "seed_everything", "trainer", "weights_only"),  # of fit
    *("compilation", "curves", "discriminator_watch", "facts", "metrics"),  # callbacks
    *("predictions", "preemption", "progress", "timelines"),
)
"""What a configuration may say besides its data, for the verbs that need no more than the data."""

VERBS: dict[str, Verb | VerbGroup] = {
    "demo": Verb("aher_lightning.demo:demo", "the whole way on rendered videos, in a few minutes"),
    "render": Verb("aher_lightning.commands.render:render", "write the rendered benchmark: videos and annotations"),
    "check": Verb("aher_lightning.commands.check:check", "read every video of a data set", ignored=BESIDE_DATA),
    "extract": Verb("aher_lightning.commands.extract:extract", "clip features of every video of a data set"),
    "evaluate": Verb("aher_lightning.commands.evaluate:evaluate", "score, diagnose or compare prediction files"),
    "localize": Verb("aher_lightning.commands.localize:localize", "find the actions in your own videos", "videos"),
    "import-annotations": Verb(
        "aher_lightning.commands.import_annotations:import_annotations",
        "annotations of ELAN, VIA, CVAT and Label Studio, for training and evaluation",
        "files",
    ),
    "add-class": Verb("aher_lightning.commands.add_class:add_class", "new categories for a checkpoint, from clips"),
    "list-classes": Verb("aher_lightning.commands.list_classes:list_classes", "the categories of a checkpoint"),
    "remove-class": Verb("aher_lightning.commands.remove_class:remove_class", "take added categories out again"),
    "export": Verb("aher_lightning.commands.export:export", "a checkpoint as ONNX, or as safetensors for sharing"),
    "analyze": VerbGroup(f"figures of the paper: {', '.join(ANALYSES)}", ANALYSES),
}


def run_verb(name: str, arguments: Sequence[str]) -> object:
    """Run a verb that is none of Lightning's.

    Args:
        name: The verb.
        arguments: The words after it; of a group, the kind first.

    Returns:
        What its function returns.
    """
    verb = VERBS[name]
    if isinstance(verb, Verb):
        return run_function(name, verb, arguments)
    kind = arguments[0] if arguments else ""
    if kind not in verb.kinds:
        is_asked = kind in {"--help", "-h"}
        (output_console() if is_asked else error_console()).print(group_usage(name, verb), markup=False)
        raise SystemExit(0 if is_asked else 2)
    return run_function(f"{name} {kind}", verb.kinds[kind], arguments[1:])


def run_function(name: str, verb: Verb, arguments: Sequence[str]) -> object:
    """Run a plain function on the words of the command line.

    Args:
        name: The words that name it, for its help.
        verb: Which function.
        arguments: The words after the name.

    Returns:
        What the function returns.
    """
    module, function_name = verb.target.split(":")
    function: Callable[..., object] = getattr(import_module(module), function_name)
    parser = ArgumentParser(prog=f"aher {name}", description=verb.summary)
    parser.add_argument("--config", action="config", help="YAML file with any of the options below.")
    skip: set[str | int] = set()
    if verb.positional is not None:
        parser.add_argument(verb.positional, nargs="+", type=Path, help="Files to work on.")
        skip.add(verb.positional)
    for option in verb.ignored:
        parser.add_argument(f"--{option}", type=Any, help=SUPPRESS)
    parser.add_function_arguments(function, as_group=False, as_positional=False, skip=skip)
    hints = get_type_hints(function)
    switches = {parameter for parameter, hint in hints.items() if hint is bool}
    # Where words without a flag mean something else, they cannot be further values of one.
    lists = {parameter for parameter, hint in hints.items() if verb.positional is None and takes_list(hint)}
    words = spell_flags(spell_lists(arguments, lists), switches)
    options = parser.instantiate_classes(parser.parse_args(words)).as_dict()
    for option in ("config", *verb.ignored):
        options.pop(option, None)
    return function(**options)


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
        output_console().print(f"aher_lightning {__version__}, torch {torch.__version__}")
        return 0
    if verb in {"--help", "-h"}:
        output_console().print(usage(), markup=False)
        return 0
    try:
        if verb in TRAINER_VERBS:
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
    if cause is None and isinstance(error, MisconfigurationException):
        return ConfigError(" ".join(str(error).split()))
    return cause


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
