from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from aher_lightning.datasets.video_availability import LeftOut
from aher_lightning.reports.training_budget import (
    left_out_table,
    memory_table,
    memory_text,
    phase_table,
    size_table,
)


def lines(table: Table) -> list[list[str]]:
    console = Console(width=160, file=StringIO())
    with console.capture() as shown:
        console.print(table)
    return [line.split() for line in shown.get().splitlines()]


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        *((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**30, "5.0 GiB")),
        *((2**50, "1024.0 TiB"), (None, "-")),
    ],
)
def test_sizes_are_told_in_their_unit(num_bytes: int | None, text: str) -> None:
    assert memory_text(num_bytes) == text


def test_phases_show_counts_and_activations() -> None:
    found = lines(phase_table("AherModule", [("transfer", 1, 2, 1_000, 9_000, 2048), ("detector", 3, 1, 7, 0, None)]))
    assert found[0] == ["AherModule"]
    assert found[-2] == ["transfer", "1", "2", "1,000", "9,000", "2.0", "KiB"]
    assert found[-1] == ["detector", "3", "1", "7", "0", "-"]


def test_memory_ends_with_its_sum_and_says_what_it_lacks() -> None:
    found = lines(memory_table({"weights": 1024, "gradients": 512}, is_measured=False))
    assert "single precision, without activations" in " ".join(word for line in found[:4] for word in line)
    assert found[-3:] == [["weights", "1.0", "KiB"], ["gradients", "512", "B"], ["sum", "1.5", "KiB"]]
    measured = lines(memory_table({"weights": 1}, is_measured=True))
    assert "without" not in [word for line in measured for word in line]


def test_sizes_of_parts() -> None:
    assert lines(size_table("Data", [("moments", 12_345, 16, 772)]))[-1] == ["moments", "12,345", "16", "772"]


def test_missing_videos_are_named_safely() -> None:
    found = lines(left_out_table({"moments": LeftOut(9, ["a\x1b[2J", "b", "c", "d"], ["e"])}))
    assert found[-1] == ["moments", "9", "4", "1", "a\N{REPLACEMENT CHARACTER}[2J,", "b,", "c,", "..."]
