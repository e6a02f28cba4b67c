from __future__ import annotations

import pytest
from rich.console import Console
from rich.table import Column

from aher_lightning.reports.terminal_tables import (
    first_names,
    number_column,
    open_table,
    percent,
    printable,
    signed_percent,
)


def test_fractions_become_percent() -> None:
    assert [percent(value) for value in (0.0, 0.5, 1.0, None)] == ["0.00", "50.00", "100.00", "-"]
    assert percent(0.98765, 1) == "98.8"


def test_differences_have_a_sign_and_zero_has_one_only() -> None:
    assert [signed_percent(value) for value in (0.1, -0.1, 0.0, -0.0, -1e-12)] == [
        *("+10.00", "-10.00", "+0.00", "+0.00", "+0.00")
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Tai chi", "Tai chi"), ("太極拳", "太極拳"), ("a\x1b[2Jb\n", "a�[2Jb�"), ("\ud800", "�"), ("a\u202eb", "a�b")],
)
def test_names_cannot_steer_a_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert printable(name).encode("utf-8")


def test_few_names_are_listed_safely() -> None:
    assert first_names([]) == ""
    assert first_names(["a\x1b[2J", "b", "c", "d"]) == "a\N{REPLACEMENT CHARACTER}[2J, b, c, ..."


def test_numbers_keep_their_width_where_there_is_no_room() -> None:
    table = open_table("title", [Column(), number_column("two\nlines")])
    table.add_row("a name too long", "1234567890")
    console = Console(width=16, color_system=None)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert lines[0] == "title"
    assert [line.strip() for line in lines[1:3]] == ["two", "lines"]
    # The name wraps, the number does not.
    assert [line.split() for line in lines[4:]] == [["a"], ["name"], ["too"], ["long", "1234567890"]]
