"""What the tables of a terminal share: how numbers, names and columns look."""

from __future__ import annotations

from rich import box
from rich.table import Column, Table
from rich.text import Text


def percent(value: float | None, decimals: int = 2) -> str:
    """Return a fraction in percent; a dash stands for a value that does not exist.

    Args:
        value: The fraction.
        decimals: Digits after the point.

    Returns:
        The number without its unit.

    Example:
        >>> percent(0.12345), percent(1.0, 1), percent(None)
        ('12.35', '100.0', '-')
    """
    return "-" if value is None else f"{100 * value:.{decimals}f}"


def signed_percent(value: float) -> str:
    """Return a difference of fractions in percent, always with a sign.

    Args:
        value: The difference.

    Returns:
        The number without its unit; what rounds to nothing has a plus.

    Example:
        >>> signed_percent(0.0123), signed_percent(-0.5), signed_percent(-1e-9)
        ('+1.23', '-50.00', '+0.00')
    """
    return f"{round(100 * value, 2) + 0.0:+.2f}"


def printable(name: str) -> str:
    r"""Return a name from a file so that it can neither steer a terminal nor fail to be written.

    Args:
        name: Name of a category, group or file.

    Returns:
        The name, with U+FFFD in place of control characters and of halves of surrogate pairs.

    Example:
        >>> printable("wave"), printable("a\x1b[2J") == "a\ufffd[2J"
        ('wave', True)
    """
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def open_table(title: str, columns: list[Column]) -> Table:
    """Return a table without vertical lines, for many columns.

    Args:
        title: What the table shows.
        columns: Its columns.

    Returns:
        The table, without rows.
    """
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
    """Return a column of numbers.

    Args:
        header: Its heading; lines are broken where it says so.
        no_wrap: Whether it keeps its width where the terminal is narrow.

    Returns:
        The column.
    """
    return Column(Text(header), justify="right", vertical="bottom", no_wrap=no_wrap)
