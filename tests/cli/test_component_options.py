from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from aher_lightning.cli.component_options import Option, read_options, summary
from aher_lightning.cli.components import KINDS
from aher_lightning.datamodules import FolderDataModule, RenderedDataModule
from aher_lightning.models import AnchorHead, MLPTransfer

Colour = Literal["red", "blue"]


class Part:
    """A part.

    Args:
        size: How large it is. More about it.
        colour: See Eq. 4 for ``colour``; :class:`~some.where.Part` too.
    """

    def __init__(self, size: int, *, colour: Colour = "red", maker: Callable[[int], MLPTransfer] = MLPTransfer) -> None:
        """Take the options."""


class Whole(Part):
    """A whole, of :class:`Part`.

    It has a text.

    Args:
        names: What they are called,
            over two lines.
        colour: See :class:`Part`.
        **options: See :class:`Part`.
    """

    def __init__(self, names: Sequence[str] | None = None, **options: Any) -> None:
        super().__init__(size=len(names or ()), **options)


@dataclass(frozen=True)
class Pair:
    """Two.

    Attributes:
        first: The first.
        second: The second.
    """

    first: float
    second: str = "b"


def test_options_are_described_by_the_docstring() -> None:
    assert read_options(Part) == [
        Option("size", "int", None, "How large it is."),
        Option("colour", "Literal['red', 'blue']", "'red'", "See Eq. 4 for colour; Part too."),
        Option("maker", "MLPTransfer", "MLPTransfer", ""),
    ]
    assert [one.name for one in read_options(Part, given=1)] == ["colour", "maker"]


def test_options_of_a_base_follow_unless_the_class_fills_them_in() -> None:
    options = {one.name: one for one in read_options(Whole)}
    assert list(options) == ["names", "colour", "maker"]
    assert options["names"].description == "What they are called, over two lines."
    assert options["colour"].description == "See Eq. 4 for colour; Part too."


def test_records_have_options_too() -> None:
    assert read_options(Pair) == [
        Option("first", "float", None, "The first."),
        Option("second", "str", "'b'", "The second."),
    ]


def test_a_summary_is_the_first_line_without_markup() -> None:
    assert summary(Whole) == "A whole, of Part."


def test_a_data_module_has_the_options_that_its_base_leaves_to_it() -> None:
    rendered = {one.name for one in read_options(RenderedDataModule)}
    folder = {one.name for one in read_options(FolderDataModule)}
    assert {"videos", "annotations", "moments", "split"} == folder - rendered
    assert rendered - folder == {"root"}
    assert {"contract", "batch_size", "quarantine"} <= rendered & folder


def test_what_the_network_gives_is_no_option() -> None:
    assert read_options(AnchorHead, given=2)[0].name == "scale_ratios"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_option_of_the_package_is_described(kind: Any) -> None:
    for component in kind.classes():
        assert summary(component).endswith(".")
        undocumented = [one.name for one in read_options(component, kind.given) if not one.description]
        assert not undocumented, component
