"""Report invalid arguments and configurations in one line, where the parser takes many.

The parser chains its errors, so the innermost one says what is wrong. Its errors have no other attributes: the patterns
below read their texts, each with a test against the library.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from jsonargparse import ArgumentParser

from aher_lightning.errors import UsageError, first_cause

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
"""Names of types for users."""

_TRANSLATIONS = (
    (re.compile(r"(?:Option|accept option) '([^']+)'"), r"unknown option '\1'"),
    (re.compile(r"unrecognized arguments: --?([^\s=]+)"), r"unknown option '\1'"),
    (re.compile(r"unrecognized arguments: (.+)"), r"unexpected argument '\1'"),
    (re.compile(r"the following arguments are required: (.+)"), r"\1 must be given"),
    (re.compile(r"argument (\S+): expected one argument"), r"\1 has no value"),
    (re.compile(r"Expected a dot import path string: (\S+)"), r"unknown class '\1'"),
    (re.compile(r"File does not exist: '?([^']+)'?"), r"no such file '\1'"),
)
"""What the parser says, and our words."""

_KEY = re.compile(r'Parser key "([^"]+)"')
_EXPECTED = re.compile(r"Expected an? (?:typing\.Literal\[(.+?)\]|<class '([^']+)'>)")
_VALUE = re.compile(r"\. Got value: (.+)$", re.DOTALL)


class OneLineErrors(argparse.ArgumentParser):
    """A parser that reports errors in one line; the base of those that read command lines."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the error that the command line shows, except in nested parsers, whose errors the outer one reports."""
        if not getattr(self, "exit_on_error", True):
            super().error(message, ex)  # type: ignore[call-arg]  # jsonargparse's parser is next in line
        parser = getattr(ex, "subcommand_parser", None) or self
        raise UsageError(_explain(message, ex, parser._option_string_actions))


class VerbParser(OneLineErrors, ArgumentParser):
    """The parser of a command that is a plain function."""


def _explain(message: str, failure: BaseException | None, options: Iterable[str]) -> str:
    """Where in the configuration, if the parser says so, and what is wrong there; suggests a similar option."""
    fact = message if failure is None else str(first_cause(failure))
    keys = _KEY.findall(message)
    where = f"'{'.'.join(keys)}': " if keys else ""
    for pattern, words in _TRANSLATIONS:
        found = pattern.search(fact)
        if found is not None:
            meant = _similar(found.group(1), options) if words.startswith("unknown option") else ""
            return where + found.expand(words) + meant
    # The members of a union may expect different things; None need not be named.
    kinds = [(literal, kind) for literal, kind in _EXPECTED.findall(message) if kind != "NoneType"]
    wanted = [f"one of {literal}".replace("'", "") if literal else _describe_type(kind) for literal, kind in kinds]
    value = _VALUE.search(fact)
    if not wanted or value is None:
        return f"{where}{' '.join(fact.split()):.300}"
    return f"{where}expected {' or '.join(dict.fromkeys(wanted)):.300}, not '{' '.join(value.group(1).split()):.80}'"


def _describe_type(name: str) -> str:
    """The name of a type for users."""
    return _NAMES.get(name, f"a {name.rpartition('.')[2]}")


def _similar(word: str, options: Iterable[str]) -> str:
    """A suggestion of the option that may have been meant."""
    known = [one.removeprefix("--").replace("_", "-") for one in options if one.startswith("--")]
    alike = get_close_matches(word.replace("_", "-"), known, n=1)
    return f", did you mean '--{alike[0]}'" if alike else ""
