"""Results of a dry run, as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.table import Column, Table
from rich.text import Text

from aher_lightning.datasets.video_availability import LeftOut
from aher_lightning.reports.terminal_tables import first_names, number_column, open_table

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def memory_text(num_bytes: int | None) -> str:
    """Return a size with its unit; a dash stands for an unknown one.

    Example:
        >>> memory_text(1000), memory_text(3 * 2**20), memory_text(None)
        ('1000 B', '3.0 MiB', '-')
    """
    if num_bytes is None:
        return "-"
    power = max(0, min((num_bytes.bit_length() - 1) // 10, len(_UNITS) - 1))
    return f"{num_bytes} B" if power == 0 else f"{num_bytes / 1024**power:.1f} {_UNITS[power]}"


def phase_table(title: str, rows: Iterable[tuple[str, int, int, int, int, int | None]]) -> Table:
    """Return a table of the phases.

    Args:
        title: What is trained.
        rows: Per phase: name, steps per iteration, number of optimizers, trainable and frozen parameters, and bytes
            of activations if measured.
    """
    headers = ("steps", "optimizers", "trainable", "frozen", "activations")
    table = open_table(title, [Column(Text("phase")), *(number_column(header) for header in headers)])
    for name, steps, optimizers, trainable, frozen, activations in rows:
        counts = (str(steps), str(optimizers), f"{trainable:,}", f"{frozen:,}")
        table.add_row(name, *counts, memory_text(activations))
    return table


def memory_table(parts: Mapping[str, int], *, is_measured: bool) -> Table:
    """Return a table of the memory of one process, with the sum as its last row.

    Args:
        parts: Bytes by purpose.
        is_measured: Whether activations are among them.
    """
    title = "Memory of a process, single precision" + ("" if is_measured else ", without activations")
    table = open_table(title, [Column(Text("for")), number_column("memory")])
    for name, num_bytes in parts.items():
        table.add_row(name, memory_text(num_bytes))
    table.add_row("sum", memory_text(sum(parts.values())), style="bold")
    return table


def size_table(title: str, rows: Iterable[tuple[str, int, int, int]]) -> Table:
    """Return a table of the parts of the data.

    Args:
        title: Title of the table.
        rows: Per part: name, samples, samples per iteration, iterations until each was used.
    """
    headers = ("samples", "per iteration", "iterations until all were used")
    table = open_table(title, [Column(Text("part")), *(number_column(header) for header in headers)])
    for name, *counts in rows:
        table.add_row(name, *(f"{count:,}" for count in counts))
    return table


def left_out_table(left_out: Mapping[str, LeftOut]) -> Table:
    """Return a table of missing and quarantined videos, by part of the data."""
    headers = ("named", "missing", "in quarantine")
    columns = [Column(Text("part")), *(number_column(header) for header in headers)]
    table = open_table("Videos that the data names", [*columns, Column(Text("first missing"), overflow="fold")])
    for what, one in left_out.items():
        counts = (one.named, len(one.missing), len(one.quarantined))
        table.add_row(what, *(f"{count:,}" for count in counts), Text(first_names(one.missing)))
    return table
