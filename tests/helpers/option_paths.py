"""Options by their path in a configuration, looked up in the constructors that take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.modules.base import BaseModule

DATA = "data"
"""First name of the paths below ``data``; all others are below ``model``."""


class Option(NamedTuple):
    """A parameter of a constructor.

    Attributes:
        owner: The class whose constructor names it.
        default: Its default; ``inspect.Parameter.empty`` without one.
    """

    owner: type
    default: Any

    @property
    def is_ours(self) -> bool:
        """Whether this package decides the default."""
        return self.owner.__module__.startswith("aher_lightning")


def find_options(path: str) -> list[Option]:
    """Return what a path may mean, depending on the classes that a configuration chooses on the way.

    Args:
        path: Names without ``class_path`` and ``init_args``, such as ``network.head.offset.compare``.

    Returns:
        One option per class; none if there is no such option.
    """
    *owners, last = path.removeprefix(f"{DATA}.").split(".")
    classes = set(_family(MixedDataModule if path.startswith(f"{DATA}.") else BaseModule))
    for name in owners:
        options = {option.owner for kind in classes for option in _option(kind, name)}
        classes = {kind for owner in options for kind in _classes(get_type_hints(vars(owner)["__init__"])[name])}
    return [option for kind in classes for option in _option(kind, last)]


def _option(kind: type, name: str) -> list[Option]:
    """The option in the constructor of a class, or of the base that it hands other options to; none, or one."""
    for base in kind.__mro__[:-1]:
        parameter = inspect.signature(vars(base).get("__init__", object)).parameters.get(name)
        if parameter is not None and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            return [Option(base, parameter.default)]
    return []


def _family(kind: type) -> Iterator[type]:
    """A class and its subclasses, without those that tests define."""
    if not kind.__module__.startswith("tests"):
        yield kind
        subclasses: list[type] = type.__subclasses__(kind)
        for subclass in subclasses:
            yield from _family(subclass)


def _classes(annotation: Any) -> Iterator[type]:
    """The classes that an argument may be of, or that the function in its place may return."""
    arguments = get_args(annotation)
    if isinstance(annotation, type) and not arguments:
        yield from _family(annotation)
    for argument in arguments[-1:] if get_origin(annotation) is Callable else arguments:
        yield from _classes(argument)
