"""Formatting shared by tables on a terminal: numbers, names and columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Column, Table
from rich.text import Text

_MOST_NAMED = 3
"""Number of names that a line lists."""


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a fraction in percent, without the unit; a dash stands for ``None``.

    Example:
        >>> percent(0.12345), percent(1.0, 1), percent(None)
        ('12.35', '100.0', '-')
    """
    return "-" if value is None else f"{100 * value:.{decimals}f}"


def signed_percent(value: float) -> str:
    """Return a difference of fractions in percent, without the unit and always with a sign; zero has a plus.

    Example:
        >>> signed_percent(0.0123), signed_percent(-0.5), signed_percent(-1e-9)
        ('+1.23', '-50.00', '+0.00')
    """
    return f"{round(100 * value, 2) + 0.0:+.2f}"


def printable(name: str) -> str:
    r"""Return a name with U+FFFD in place of control characters and surrogates, safe to print.

    Example:
        >>> printable("wave"), printable("a\x1b[2J") == "a\ufffd[2J"
        ('wave', True)
    """
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def first_names(names: Sequence[str]) -> str:
    """Return the first few of some names, safe to print.

    Example:
        >>> first_names(["a", "b"]), first_names(["a", "b", "c", "d"])
        ('a, b', 'a, b, c, ...')
    """
    return ", ".join([*map(printable, names[:_MOST_NAMED]), *(["..."] if len(names) > _MOST_NAMED else [])])


def open_table(title: str, columns: list[Column]) -> Table:
    """Return an empty table without vertical lines, for many columns."""
    return Table(
        *columns,
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )


def number_column(header: str, *, no_wrap: bool = True) -> Column:
    """Return a right-aligned column; with ``no_wrap`` it keeps its width on a narrow terminal."""
    return Column(Text(header), justify="right", vertical="bottom", no_wrap=no_wrap)
