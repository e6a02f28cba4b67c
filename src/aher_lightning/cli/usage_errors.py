"""Report invalid arguments and configurations in one line, where the parser takes many.

The parser chains its errors, so the innermost one says what is wrong. Its errors have no other attributes: the patterns
below read their texts, each with a test against the library.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from aher_lightning.errors import UsageError, did_you_mean, first_cause, nearest

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
    (re.compile(r"unrecognized arguments: (.+)"), r"unexpected argument '\1'"),
    (re.compile(r"the following arguments are required: (.+)"), r"\1 must be given"),
    (re.compile(r"argument (\S+): expected one argument"), r"\1 has no value"),
    (re.compile(r"File does not exist: '?([^']+)'?"), r"no such file '\1'"),
    (re.compile(r"No module named '([^']+)'"), r"no module '\1'; install its package, or add its folder to PYTHONPATH"),
)
"""What the parser says, and our words."""

_UNKNOWN_OPTION = (
    re.compile(r"Group '(?P<group>[^']+)' does not accept option '(?P<option>[^']+)'"),
    re.compile(r"(?:Option|accept option) '(?P<option>[^']+)'"),
    re.compile(r"unrecognized arguments: --?(?P<option>[^\s=]+)"),
)
_UNKNOWN_CLASS = (
    re.compile(r"Expected a dot import path string: (?P<name>\S+)"),
    re.compile(r"module '(?P<module>[^']+)' has no attribute '(?P<name>[^']+)'"),
)

_KEY = re.compile(r'Parser key "([^"]+)"')
_EXPECTED = re.compile(r"Expected an? (?:typing\.Literal\[(.+?)\]|<class '([^']+)'>)")
_VALUE = re.compile(r"\. Got value: (.+)$", re.DOTALL)


class _UnknownOptionError(argparse.ArgumentError):
    """A class has no such option.

    Args:
        option: The option.
        component: The class.
        options: Its options.
    """

    def __init__(self, option: str, component: type, options: Iterable[str]) -> None:
        alike = _nearest_option(option, options)
        meant = f", did you mean '{alike}'" if alike is not None else ""
        super().__init__(None, f"unknown option '{option}' of {component.__name__}{meant}")
        is_ours = component.__module__.startswith("aher_lightning.")
        self.hint = f"'aher components {component.__name__}' lists its options" if is_ours else None


class OneLineErrors(ArgumentParser):
    """A parser that reports errors in one line; the base of those that read command lines.

    The parser makes further ones of its own class for the options of classes.
    """

    component: type | None = None
    """The class whose options a nested parser reads."""

    def add_class_arguments(self, theclass: type, *arguments: Any, **options: Any) -> list[str]:  # noqa: ANN401
        """Add the options of a class, and remember the class for errors."""
        added: list[str] = super().add_class_arguments(theclass, *arguments, **options)
        self.component = theclass
        return added

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise the error that the command line shows, except in nested parsers, whose errors the outer one reports."""
        if not self.exit_on_error:
            option = _unknown_option(message) if ex is not None and first_cause(ex) is ex else None
            if option is not None and self.component is not None:
                raise _UnknownOptionError(option, self.component, self._option_string_actions) from None
            super().error(message, ex)
        parser = getattr(ex, "subcommand_parser", None) or self
        raise _explain(message, ex, parser._option_string_actions)


class CommandParser(OneLineErrors):
    """The parser of a command that is a plain function."""


def _explain(message: str, failure: BaseException | None, options: Iterable[str]) -> UsageError:
    """Where in the configuration, if the parser says so, and what is wrong there; suggests what was meant."""
    cause = None if failure is None else first_cause(failure)
    keys = _KEY.findall(message)
    where = f"'{'.'.join(keys)}': " if keys else ""
    if isinstance(cause, _UnknownOptionError):
        return UsageError(f"{where}{cause}", hint=cause.hint)
    fact = message if cause is None else str(cause)
    option = _unknown_option(fact)
    if option is not None:
        alike = _nearest_option(option, options)
        meant = "" if alike is None else f", did you mean '--{alike if '.' in alike else alike.replace('_', '-')}'"
        return UsageError(f"{where}unknown option '{option}'{meant}")
    for pattern in _UNKNOWN_CLASS:
        found = pattern.search(fact)
        if found is not None:
            return _unknown_class(where, found["name"], found.groupdict().get("module"))
    for pattern, words in _TRANSLATIONS:
        found = pattern.search(fact)
        if found is not None:
            return UsageError(where + found.expand(words))
    return UsageError(where + _explain_value(message, fact))


def _explain_value(message: str, fact: str) -> str:
    """What a value should be; the words of the parser if it does not say so."""
    # The members of a union may expect different things; None need not be named.
    kinds = [(literal, kind) for literal, kind in _EXPECTED.findall(message) if kind != "NoneType"]
    wanted = [f"one of {literal}".replace("'", "") if literal else _describe_type(kind) for literal, kind in kinds]
    value = _VALUE.search(fact)
    if not wanted or value is None:
        return f"{' '.join(fact.split()):.300}"
    return f"expected {' or '.join(dict.fromkeys(wanted)):.300}, not '{' '.join(value.group(1).split()):.80}'"


def _describe_type(name: str) -> str:
    """The name of a type for users."""
    return _NAMES.get(name, f"a {name.rpartition('.')[2]}")


def _unknown_option(fact: str) -> str | None:
    """The option that the parser says does not exist, with its group, or ``None``."""
    found = next((match for pattern in _UNKNOWN_OPTION if (match := pattern.search(fact)) is not None), None)
    if found is None:
        return None
    group = found.groupdict().get("group")
    return found["option"] if group is None else f"{group}.{found['option']}"


def _nearest_option(word: str, options: Iterable[str]) -> str | None:
    """The option, without dashes, that may have been meant; its first part if that is unknown already."""
    known = {one.removeprefix("--") for one in options if one.startswith("--") and not one.endswith((".help", "+"))}
    first, *more = word.split(".")
    firsts = {one.partition(".")[0] for one in known}
    is_first_wrong = more and first.replace("-", "_") not in firsts
    return nearest(first, firsts) if is_first_wrong else nearest(word, known)


def _unknown_class(where: str, name: str, module: str | None) -> UsageError:
    """The error about a class that does not exist, among the short names or in a module."""
    if module is not None:
        meant = did_you_mean(name, dir(sys.modules.get(module)))
        return UsageError(f"{where}module '{module}' has no class '{name}'{meant}")
    from aher_lightning.cli.components import class_names  # slow, but whatever names classes has imported it

    return UsageError(
        f"{where}unknown class '{name}'{did_you_mean(name, class_names())}",
        hint="'aher components' lists those of this package, and any other needs its full path",
    )
