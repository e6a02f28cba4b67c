"""Verbs that are plain functions: their options are the parameters of the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

from jsonargparse import SUPPRESS, ArgumentParser

from aher_lightning.command_words import spell_flags, spell_lists, takes_list
from aher_lightning.verbs import Verb


def run_function(name: str, verb: Verb, arguments: Sequence[str]) -> object:
    """Run a plain function on the words of the command line.

    Args:
        name: The words that name it, for its help.
        verb: Which function.
        arguments: The words after the name.

    Returns:
        What the function returns.
    """
    if verb.names_classes:
        import_module("aher_lightning.components")
    module, function_name = verb.target.split(":")
    function: Callable[..., object] = getattr(import_module(module), function_name)
    parser = ArgumentParser(prog=f"aher {name}", description=verb.summary)
    parser.add_argument("--config", action="config", help="YAML file with any of the options below.")
    skip: set[str | int] = set()
    if verb.positional is not None:
        parser.add_argument(verb.positional, nargs="+", type=Path, help="Files to work on.")
        skip.add(verb.positional)
    for option in verb.ignored:
        parser.add_argument(f"--{option}", type=_ignore, help=SUPPRESS)
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


def _ignore(value: object) -> None:
    """Make nothing of what an option says: as ``Any``, it would make objects of the classes that it names."""
