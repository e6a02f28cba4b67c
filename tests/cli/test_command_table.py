from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from typing import get_type_hints

import pytest

from aher_lightning.cli.command_table import _BESIDE_DATA, COMMANDS, TRAINER_COMMANDS, Command


def function_commands() -> Iterator[tuple[str, Command]]:
    for name, command in COMMANDS.items():
        if isinstance(command, Command):
            yield name, command
        else:
            yield from ((f"{name} {kind}", one) for kind, one in command.kinds.items())


@pytest.mark.parametrize(
    ("name", "command"), list(function_commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_is_a_function_with_its_options(name: str, command: Command) -> None:
    module, function_name = command.target.split(":")
    function = getattr(import_module(module, "aher_lightning.cli"), function_name)
    assert function.__name__ == name.split()[-1].replace("-", "_")
    assert command.positional is None or command.positional in signature(function).parameters
    assert command.ignored in {(), _BESIDE_DATA}
    hints = " ".join(map(str, get_type_hints(function).values()))
    needs_names = any(base in hints for base in ("DataModule", "Backbone", "VideoReader"))
    assert command.names_classes == needs_names


def test_no_command_stands_twice() -> None:
    assert not COMMANDS.keys() & TRAINER_COMMANDS.keys()
