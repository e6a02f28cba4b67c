"""How the words of the command line are spelt for the parser, which wants every option as one word."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from itertools import takewhile
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


def spell_lists(arguments: Sequence[str], lists: Collection[str]) -> list[str]:
    """Return the words with several values of one option put together as jsonargparse spells a list.

    Args:
        arguments: Words after the verb.
        lists: Names of the options that take several values.

    Returns:
        The words.

    Example:
        >>> spell_lists(["--compare", "a.json", "b.json", "--tiou", "0.5", "0.75"], {"compare", "tiou"})
        ['--compare=["a.json", "b.json"]', '--tiou=[0.5, 0.75]']
    """
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        values = list(takewhile(lambda value: not value.startswith("--"), rest))
        if word.removeprefix("--").replace("-", "_") in lists and values and not values[0].startswith("["):
            items = (value if _NUMBER.fullmatch(value) else json.dumps(value) for value in values)
            words.append(f"{word}=[{', '.join(items)}]")
            rest = rest[len(values) :]
        else:
            words.append(word)
    return words


def takes_list(hint: object) -> bool:
    """Tell whether a parameter takes several values.

    Args:
        hint: Its type.

    Returns:
        Whether that is a list, or a union with one.

    Example:
        >>> takes_list(list[float]), takes_list(list[str] | None), takes_list(str | None)
        (True, True, False)
    """
    choices = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return any(get_origin(choice) is list for choice in choices)
