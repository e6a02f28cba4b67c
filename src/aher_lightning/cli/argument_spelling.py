"""Convert command-line arguments to the form jsonargparse expects: every option in one word."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""A number in a list; anything else is text."""


def spell_flags(arguments: Sequence[str], switches: Collection[str]) -> list[str]:
    """Return arguments with underscores in option names, and with values for switches.

    Example:
        >>> spell_flags(["--ground-truth", "a-b.json", "--proposals"], {"proposals"})
        ['--ground_truth', 'a-b.json', '--proposals=true']
    """
    words = []
    for position, word in enumerate(arguments):
        if word.startswith("--"):
            flag, equals, value = word.partition("=")
            flag = "--" + flag[2:].replace("-", "_")
            is_bare = not equals and (position + 1 == len(arguments) or arguments[position + 1].startswith("--"))
            words.append(f"{flag}=true" if is_bare and flag[2:] in switches else flag + equals + value)
        else:
            words.append(word)
    return words


def spell_lists(arguments: Sequence[str], lists: Mapping[str, bool], *, most: int | None = None) -> list[str]:
    """Return arguments with the values of each list option joined into one list.

    Args:
        arguments: Arguments after the command.
        lists: Options that take several values, and whether these are texts; numbers stay unquoted.
        most: Most arguments that belong to an option; ``None`` for all up to the next option. A single argument is
            split at its commas.

    Example:
        >>> spell_lists(["--compare", "1", "2", "--tiou", "0.5", "0.75"], {"compare": True, "tiou": False})
        ['--compare=["1", "2"]', '--tiou=[0.5, 0.75]']
        >>> spell_lists(["--categories", "wave,nod", "a.mp4"], {"categories": True}, most=1)
        ['--categories=["wave", "nod"]', 'a.mp4']
    """
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        values = list(takewhile(lambda value: not value.startswith("--"), rest))[:most]
        name = word.removeprefix("--").replace("-", "_")
        if name in lists and values and not values[0].startswith("["):
            rest = rest[len(values) :]
            items = [item.strip() for item in values[0].split(",")] if most == 1 else values
            as_text = lists[name]
            spelt = (item if not as_text and _NUMBER.fullmatch(item) else json.dumps(item) for item in items)
            words.append(f"{word}=[{', '.join(spelt)}]")
        else:
            words.append(word)
    return words


def find_empty_path(arguments: Sequence[str], paths: Collection[str], *, is_positional: bool) -> str | None:
    """Return the path option with an empty value, as an unset shell variable leaves it, or ``None``.

    Args:
        arguments: Arguments after the command.
        paths: Names of the options that take paths.
        is_positional: Whether arguments without an option are paths too; the result is "a file" then.

    Example:
        >>> find_empty_path(["--checkpoint", "", "a.mp4"], {"checkpoint"}, is_positional=True)
        '--checkpoint'
    """
    before = ""
    for word in arguments:
        flag, equals, value = word.partition("=")
        option = flag if equals and word.startswith("--") else before
        is_empty = word == "" or (bool(equals) and value == "" and word.startswith("--"))
        if is_empty and option.removeprefix("--").replace("-", "_") in paths:
            return option
        if word == "" and not before and is_positional:
            return "a file"
        before = word if word.startswith("--") and not equals else ""
    return None


def list_kinds(hints: Mapping[str, object]) -> dict[str, bool]:
    """Return the parameters whose type is a list or a union with one, and whether its items are text or paths.

    Example:
        >>> list_kinds({"tiou": list[float], "names": list[str] | None, "name": str | None})
        {'tiou': False, 'names': True}
    """
    lists = {name: [one for one in choices(hint) if get_origin(one) is list] for name, hint in hints.items()}
    return {name: get_args(found[0])[0] in {str, Path} for name, found in lists.items() if found}


def choices(hint: object) -> tuple[object, ...]:
    """Return the member types of a union, or the type itself.

    Example:
        >>> choices(int | None)
        (<class 'int'>, <class 'NoneType'>)
    """
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
