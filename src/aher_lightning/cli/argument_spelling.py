"""How the words of the command line are spelt for the parser, which wants every option as one word."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""What a list of numbers is made of; everything else is text."""


def spell_flags(arguments: Sequence[str], switches: Collection[str]) -> list[str]:
    """Return the words as jsonargparse spells them: ``--ground-truth`` with an underscore, switches with a value.

    Args:
        arguments: Words after the verb.
        switches: Names of the options that are true or false.

    Returns:
        The words.

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
    """Return the words with the values of one option put together as jsonargparse spells a list.

    Args:
        arguments: Words after the verb.
        lists: Options that take several values, and whether these are texts; numbers are written as they are.
        most: How many words after an option can belong to it; ``None`` for all up to the next option. Of a single word,
            commas separate the values.

    Returns:
        The words.

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
    """Return what was given an empty word for a path, as a shell makes it of a variable that is not set.

    Args:
        arguments: Words after the verb.
        paths: Names of the options that take paths.
        is_positional: Whether words without an option are paths too.

    Returns:
        The option, or "a file" for a word without one; nothing if there is none.

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
    """Return which parameters take several values.

    Args:
        hints: Types of the parameters.

    Returns:
        Those whose type is a list or a union with one, and whether what the list holds is text or paths.

    Example:
        >>> list_kinds({"tiou": list[float], "names": list[str] | None, "name": str | None})
        {'tiou': False, 'names': True}
    """
    lists = {name: [one for one in choices(hint) if get_origin(one) is list] for name, hint in hints.items()}
    return {name: get_args(found[0])[0] in {str, Path} for name, found in lists.items() if found}


def choices(hint: object) -> tuple[object, ...]:
    """Return the types that a value may have.

    Args:
        hint: A type, or a union of some.

    Returns:
        The type, or those of the union.

    Example:
        >>> choices(int | None)
        (<class 'int'>, <class 'NoneType'>)
    """
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
