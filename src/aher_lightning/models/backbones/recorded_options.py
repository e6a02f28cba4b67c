"""A class that remembers the options it was built with, as features depend on them as much as on weights."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import ClassVar, cast


class RecordsOptions:
    """Remembers the arguments of its constructor; subclasses need not do anything for it.

    Attributes:
        given_options: Arguments by name that are not at their defaults.
        neutral_options: Names of those that change neither what a trained network computes nor how it is meant, such as
            sizes of chunks.
    """

    given_options: Mapping[str, object]
    neutral_options: ClassVar[frozenset[str]] = frozenset()

    def __new__(cls, *arguments: object, **options: object) -> RecordsOptions:
        """Record the arguments before the constructor of the subclass sees them."""
        made = super().__new__(cls)
        # Not by assignment: a torch module accepts none before its own constructor has run.
        made.__dict__["given_options"] = _not_at_default(cls, arguments, options)
        return made

    @property
    def feature_options(self) -> str:
        """Options that change the features and are not at their defaults, as JSON with sorted names.

        Temporal contracts hold it, since the same weights give other features under other options.

        Example:
            >>> class Half(RecordsOptions):
            ...     def __init__(self, every: int = 1, chunk: int = 8) -> None: ...
            ...     neutral_options = frozenset({"chunk"})
            >>> Half(2, chunk=4).feature_options, Half(1).feature_options
            ('{"every": 2}', '{}')
        """
        told = {name: value for name, value in self.given_options.items() if name not in self.neutral_options}
        return json.dumps(told, sort_keys=True, default=_describe)


def _not_at_default(kind: type, arguments: tuple[object, ...], options: Mapping[str, object]) -> dict[str, object]:
    """The arguments of a constructor by name, without those that equal their defaults."""
    signature = inspect.signature(cast("type[RecordsOptions]", kind).__init__)
    try:
        bound = signature.bind(None, *arguments, **options).arguments
    except TypeError:  # copying makes objects without arguments; the constructor reports wrong ones itself
        return {}
    others = {name for name, one in signature.parameters.items() if one.kind is one.VAR_KEYWORD}
    given = {name: value for name, value in list(bound.items())[1:] if name not in others}
    for name in others:
        given |= cast("dict[str, object]", bound.get(name, {}))
    defaults = _defaults(kind)
    return {name: value for name, value in given.items() if _describe(value) != _describe(defaults.get(name, ...))}


def _defaults(kind: type) -> dict[str, object]:
    """Defaults of the options of a class, also of those that it passes on to its bases."""
    owners = [owner for owner in reversed(kind.__mro__) if "__init__" in vars(owner) and owner is not object]
    parameters = [one for owner in owners for one in inspect.signature(vars(owner)["__init__"]).parameters.values()]
    return {one.name: one.default for one in parameters}


def _describe(value: object) -> object:
    """Plain values as they are, lists for other sequences, classes of objects by name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_describe(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _describe(part) for name, part in value.items()}
    return str(value) if hasattr(value, "__fspath__") else type(value).__qualname__
