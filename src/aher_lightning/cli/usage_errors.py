"""What is wrong with the words of a command or with its configuration, in one line.

The parser tells the same in many lines, with the types of Python that it has tried.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from jsonargparse import ArgumentParser

from aher_lightning.errors import UsageError

_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
    "collections.abc.Sequence": "a list",
    "collections.abc.Mapping": "a mapping",
}
"""What types are called by people."""

_LEAST = re.compile(r"^(Does not validate|Subtypes:|Errors:|Given value|Problem with given class_path|Parser key)")
"""Lines that say how the parser came to its verdict."""

_TRANSLATIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Option '([^']+)' is not accepted"), r"there is no option '\1'"),
    (re.compile(r"does not accept option '([^']+)'"), r"there is no option '\1'"),
    (re.compile(r"unrecognized arguments: --?([^\s=]+)"), r"there is no option '\1'"),
    (re.compile(r"unrecognized arguments: (.+)"), r"'\1' belongs to no option"),
    (re.compile(r"the following arguments are required: (.+)"), r"\1 must be given"),
    (re.compile(r"argument (\S+): expected one argument"), r"\1 has no value"),
    (re.compile(r"Expected a dot import path string: (\S+)"), r"there is no class '\1'"),
    (re.compile(r"Expected a path but (\S+) either"), r"there is no file '\1'"),
    (re.compile(r"File does not exist: '?([^']+)'?"), r"there is no file '\1'"),
)
"""What the parser says, and how we say it."""

_EXPECTED = re.compile(r"Expected an? (?:typing\.(Literal)\[(.+?)\]|<class '([^']+)'>|([^.]+))(?:\. Got value: (.+))?$")
_GIVEN = (re.compile(r"Given value: NestedArg\(key='[^']*', val='(.*)'\)"), re.compile(r"Given value: ([^{\[(]+)$"))


class OneLineErrors(argparse.ArgumentParser):
    """A parser that tells in one line what is wrong; the base of those that read command lines."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the error that the command line shows.

        Args:
            message: What the parser has to say.
            ex: The error behind it.

        Raises:
            UsageError: Always, but in parsers within parsers, whose errors the outer one tells.
        """
        if not getattr(self, "exit_on_error", True):
            super().error(message, ex)  # type: ignore[call-arg]  # jsonargparse's parser is next in line
        parser = getattr(ex, "subcommand_parser", None) or self
        raise UsageError(explain(message, parser._option_string_actions))


class VerbParser(OneLineErrors, ArgumentParser):
    """The parser of a verb that is a plain function."""


def explain(message: str, options: Iterable[str] = ()) -> str:
    r"""Return in one line what a parser says in many.

    Args:
        message: What it says.
        options: The options that there are, to find which one may have been meant.

    Returns:
        Where in the configuration, if it says so, and what is wrong there.

    Example:
        >>> explain('Parser key "top_k":\n  Expected a <class \'int\'>. Got value: five')
        "'top_k': expected a whole number, not 'five'"
    """
    keys = re.findall(r'Parser key "([^"]+)"', message)
    where = f"'{'.'.join(keys)}': " if keys else ""
    for pattern, said in _TRANSLATIONS:
        found = pattern.search(message)
        if found is not None:
            meant = _meant(found.group(1), options) if said.startswith("there is no option") else ""
            return where + found.expand(said) + meant
    lines = [line.strip().removeprefix("- ") for line in message.splitlines()]
    facts = [line for line in lines if line and not _LEAST.match(line) and "NoneType" not in line]
    reasons = [_expected(line) or " ".join(line.split()) for line in facts]
    values = [found.group(1).strip() for pattern in _GIVEN if (found := pattern.search(message)) is not None]
    text = " or ".join(dict.fromkeys(reasons)) or " ".join(message.split())
    value = f", not '{values[0]:.80}'" if values and ", not " not in text else ""
    return f"{where}{text:.300}{value}"


def _expected(line: str) -> str | None:
    """What a line about an expected type says; nothing if it is about something else."""
    found = _EXPECTED.match(line)
    if found is None:
        return None
    literal, choices, kind, other, value = found.groups()
    if literal:
        wanted = f"expected one of {choices}".replace("'", "")
    else:
        name = kind or other
        short = name.rpartition(".")[2]
        wanted = f"expected {_NAMES.get(name, f'a {short}')}"
    return wanted if value is None else f"{wanted}, not '{value:.80}'"


def _meant(word: str, options: Iterable[str]) -> str:
    """Which option may have been meant."""
    known = [one.removeprefix("--").replace("_", "-") for one in options if one.startswith("--")]
    alike = get_close_matches(word.replace("_", "-"), known, n=1)
    return f", did you mean '--{alike[0]}'" if alike else ""
