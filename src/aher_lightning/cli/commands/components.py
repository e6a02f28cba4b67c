"""``aher components``: list the classes that configurations may name, or show their options."""

from __future__ import annotations

from collections.abc import Iterator

from aher_lightning.cli.component_options import read_options, summary
from aher_lightning.cli.components import KINDS, Kind
from aher_lightning.console import output_console
from aher_lightning.errors import UsageError, did_you_mean


def components(name: str | None = None) -> None:
    """List the classes that configurations may name, by kind; or show the options of one kind or class.

    Args:
        name: A kind or a class, in any case.

    Raises:
        UsageError: If there is no such kind or class.
    """
    lines = _overview() if name is None else _options_of(name)
    console = output_console()
    for line in lines:
        console.print(line, markup=False)


def _overview() -> Iterator[str]:
    """All kinds, and the first line about each class."""
    for kind in KINDS:
        yield _heading(kind)
        classes = kind.classes()
        width = max(len(one.__name__) for one in classes)
        yield from (f"  {one.__name__:<{width}}  {summary(one)}" for one in classes)
        yield ""
    yield "'aher components NAME' shows the options of a kind or class"


def _heading(kind: Kind) -> str:
    """The name of a kind, and where it belongs."""
    return f"{kind.name} ({kind.option})"


def _options_of(name: str) -> Iterator[str]:
    """The options of all classes of a kind, or of one class."""
    of_kind = next((kind for kind in KINDS if kind.name.casefold() == name.casefold()), None)
    if of_kind is not None:
        yield _heading(of_kind)
        chosen = [(of_kind, one) for one in of_kind.classes()]
    else:
        everything = [(kind, one) for kind in KINDS for one in kind.classes()]
        chosen = [(kind, one) for kind, one in everything if one.__name__.casefold() == name.casefold()]
        if not chosen:
            known = [*(kind.name for kind in KINDS), *(one.__name__ for _, one in everything)]
            raise UsageError(
                f"'{name:.80}' is no class of this package{did_you_mean(name, known)}",
                hint="'aher components' lists all",
            )
        yield _heading(chosen[0][0])
    for kind, one in chosen:
        yield ""
        yield from _describe(one, kind.given)


def _describe(component: type, given: int) -> Iterator[str]:
    """A class and its options."""
    yield f"{component.__name__}: {summary(component)}"
    for option in read_options(component, given):
        default = "required" if option.default is None else f"default {option.default}"
        yield f"  {option.name}  ({option.kind}, {default})"
        if option.description:
            yield f"      {option.description}"
