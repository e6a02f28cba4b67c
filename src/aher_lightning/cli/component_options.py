"""The options of a class: the parameters of its constructor, as its docstring describes them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import Parameter, formatannotation, getdoc, isclass, signature
from typing import Literal, NamedTuple, get_args, get_origin

from jsonargparse import ArgumentParser

_SECTION = re.compile(r"^(?:Args|Attributes):\n((?:(?: .*)?\n?)*)", re.MULTILINE)
_ENTRY = re.compile(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)
_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")
"""A reference in a docstring, of which the last name is shown."""

_FACTORY = re.compile(r"Callable\[\[[\w\[\], ]*\], (\w+)\]")
"""A parameter that takes a class, for the package to build several of."""

_NAME = re.compile(r"\b[A-Z]\w+\b")
_SENTENCE_END = re.compile(r"(?<=\.)(?<!Eq\.)\s")
_REFERENCE = re.compile(r"See \w+\.")
"""All that a class says about an option that its base describes."""


class Option(NamedTuple):
    """An option of a class.

    Attributes:
        name: Its name.
        kind: Its type, as written in the source.
        default: Its default, as YAML would not always spell it; ``None`` if it is required.
        description: The first sentence about it.
    """

    name: str
    kind: str
    default: str | None
    description: str


def summary(component: type) -> str:
    """Return the first line of the docstring of a class.

    Example:
        >>> from aher_lightning.errors import DataError
        >>> summary(DataError)
        'A data folder, feature store or sample is missing or damaged.'
    """
    return _plain((getdoc(component) or "").partition("\n")[0])


def read_options(component: type, given: int = 0) -> list[Option]:
    """Return the options of a class in the order of its constructor; those it passes on to its bases follow.

    Args:
        component: The class.
        given: How many of the first arguments the package provides, which are no options.
    """
    # The parser knows which options of the bases the constructor fills in itself.
    accepted = {name.partition(".")[0] for name in ArgumentParser().add_class_arguments(component, fail_untyped=False)}
    descriptions = _descriptions(component)
    found: dict[str, Option] = {}
    for owner, one in _parameters(component):
        if one.name in accepted:
            option = Option(one.name, _kind(one, owner), _default(one.default), descriptions.get(one.name, ""))
            found.setdefault(one.name, option)
    return list(found.values())[given:]


def _parameters(component: type) -> Iterator[tuple[type, Parameter]]:
    """Named parameters of the constructor, and of those of the bases that get its further ones, with their classes."""
    for owner in component.__mro__:
        if owner is not component and "__init__" not in vars(owner):
            continue
        parameters = signature(owner).parameters.values()
        for parameter in parameters:
            if parameter.kind not in {Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD}:
                yield owner, parameter
        if not any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
            return


def _descriptions(component: type) -> dict[str, str]:
    """First sentence about each parameter in the docstrings of a class and its bases."""
    described: dict[str, str] = {}
    for owner in component.__mro__:
        section = _SECTION.search(f"{getdoc(owner) or ''}\n")
        for name, text in _ENTRY.findall(section[1]) if section is not None else ():
            first = _SENTENCE_END.split(_plain(text))[0]
            if not _REFERENCE.fullmatch(first):
                described.setdefault(name, first)
    return described


def _plain(text: str) -> str:
    """A docstring on one line without its markup."""
    return " ".join(_ROLE.sub(r"\1", text).replace("``", "").split())


def _kind(parameter: Parameter, owner: type) -> str:
    """The type of a parameter, as its class writes it; names of choices are replaced by the choices."""
    annotation = parameter.annotation
    written = annotation if isinstance(annotation, str) else formatannotation(annotation)
    names = vars(sys.modules[owner.__module__])
    return _NAME.sub(lambda found: _choices(names.get(found[0])) or found[0], _FACTORY.sub(r"\1", written))


def _choices(value: object) -> str | None:
    """The text of a list of choices; ``None`` of anything else."""
    return f"Literal{list(get_args(value))}" if get_origin(value) is Literal else None


def _default(value: object) -> str | None:
    """The text of a default; ``None`` without one."""
    if value is Parameter.empty:
        return None
    return value.__name__ if isclass(value) else repr(value)
