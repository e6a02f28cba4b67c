"""Commands that are plain functions: their options are the parameters of the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import get_type_hints

from jsonargparse import SUPPRESS

from aher_lightning.cli.argument_spelling import choices, find_empty_path, list_kinds, spell_flags, spell_lists
from aher_lightning.cli.command_table import DEBUG_HELP, Command
from aher_lightning.cli.usage_errors import CommandParser
from aher_lightning.errors import UsageError


def run_function(name: str, command: Command, arguments: Sequence[str]) -> object:
    """Parse the arguments after the command's name, and return the result of its function."""
    if command.names_classes:
        import_module("aher_lightning.cli.components")
    module, function_name = command.target.split(":")
    function: Callable[..., object] = getattr(import_module(module, "aher_lightning.cli"), function_name)
    parser = CommandParser(prog=f"aher {name}", description=command.summary, epilog=DEBUG_HELP)
    parser.add_argument("-c", "--config", action="config", help="YAML file with any of the options below.")
    skip: set[str | int] = set()
    if command.positional is not None:
        if _takes_files(function, command):
            parser.add_argument(command.positional, nargs="+", type=Path, help="Files to work on.")
        else:
            parser.add_argument(command.positional, nargs="?", help="Which one to show; without it, all are listed.")
        skip.add(command.positional)
    for option in command.ignored:
        parser.add_argument(f"--{option}", type=_ignore, help=SUPPRESS)
    parser.add_function_arguments(function, as_group=False, as_positional=False, skip=skip)
    parsed = parser.parse_args(_spell(function, command, arguments))
    if command.names_classes:
        from aher_lightning.cli.wanted_input import fill_contract  # here, as other commands need no torch for it

        fill_contract(parsed.get("data"), parsed.get("backbone"))
    options = parser.instantiate_classes(parsed).as_dict()
    for option in ("config", *command.ignored):
        options.pop(option, None)
    return function(**options)


def _spell(function: Callable[..., object], command: Command, arguments: Sequence[str]) -> list[str]:
    """Return the arguments in the form that the parser expects; refuse empty paths."""
    hints = {name: hint for name, hint in get_type_hints(function).items() if name != "return"}
    paths = {name for name, hint in hints.items() if Path in choices(hint)}
    if empty := find_empty_path(arguments, paths, is_positional=_takes_files(function, command)):
        raise UsageError(f"{empty} is empty where a path is expected; is a shell variable unset?")
    switches = {name for name, hint in hints.items() if hint is bool}
    # With positional arguments, an option can take only one.
    most = 1 if command.positional is not None else None
    return spell_flags(spell_lists(arguments, list_kinds(hints), most=most), switches)


def _takes_files(function: Callable[..., object], command: Command) -> bool:
    """Whether the arguments without an option are files."""
    return command.positional is not None and NoneType not in choices(get_type_hints(function)[command.positional])


def _ignore(value: object) -> None:
    """Drop the value; with type ``Any``, the parser would instantiate the classes that it names."""
