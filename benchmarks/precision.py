"""Training iterations per second and memory: precisions, with and without compilation.

    python benchmarks/precision.py

Trains all phases of AherNet on random features, on the GPU if there is one. Every setting has a process of its own.
Prints one table; the last line is JSON. The first iterations, in which networks are compiled, are not counted.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.callbacks import Compilation
from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.console import output_console
from processes import memory_mib, run_apart
from training_loop import BATCH, Repeated, Stopwatch, make_batch, make_module, train

WARM_UP = 5
"""Iterations that are not counted."""

MIB = 2**20


def measure(precision: Any, is_compiled: bool, length: int, width: int, iterations: int) -> dict[str, float]:  # noqa: ANN401
    """Train for some iterations; meant for a new process."""
    torch.manual_seed(0)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    stopwatch = Stopwatch()
    callbacks: list[pl.Callback] = [stopwatch, Compilation(enabled=is_compiled)]
    train(make_module(length, width), Repeated(make_batch(length), WARM_UP + iterations), callbacks, precision)
    counted = stopwatch.seconds[WARM_UP:]
    return {
        "iterations_per_second": 1 / statistics.median(counted),
        "first_seconds": sum(stopwatch.seconds[:WARM_UP]),
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the most memory that was used: of the GPU if there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / MIB
    return memory_mib("VmHWM")


def measure_apart(precision: str, is_compiled: bool, sizes: Sequence[int]) -> dict[str, float]:
    """Measure in a process of its own."""
    return run_apart(__file__, precision, int(is_compiled), *sizes)


def result_table(found: Mapping[str, Mapping[str, float]], device: str) -> Table:
    """Return everything that was measured as a table."""
    table = Table(title=f"all phases, batch {BATCH}, on {device}", title_justify="left")
    table.add_column("setting")
    for column in ("iterations/s", "to the first", "peak memory", "first iterations"):
        table.add_column(column, justify="right")
    base = next(iter(found.values()))["iterations_per_second"]
    for name, row in found.items():
        speed = row["iterations_per_second"]
        cells = [f"{speed:.2f}", f"{speed / base:.2f}", f"{row['peak_mib']:.0f} MiB", f"{row['first_seconds']:.1f} s"]
        table.add_row(name, *cells)
    return table


def precision(length: int = 128, width: int = 128, iterations: int = 20) -> None:
    """Train in every setting, and print what that took.

    Args:
        length: Time steps of the network.
        width: Channels of all convolutions.
        iterations: Iterations that are counted.
    """
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "the processor"
    precisions = ["32-true", "bf16-mixed", *(["16-mixed"] if torch.cuda.is_available() else [])]
    found = {
        f"{name}{', compiled' if is_compiled else ''}": measure_apart(name, is_compiled, (length, width, iterations))
        for name in precisions
        for is_compiled in (False, True)
    }
    console = output_console()
    console.print(result_table(found, device))
    console.print(json.dumps({"benchmark": "precision", "device": device, "settings": found}), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    if list(arguments[:1]) == ["measure"]:
        name, is_compiled, *sizes = arguments[1:]
        measured = measure(name, bool(int(is_compiled)), *map(int, sizes))
        output_console().print(json.dumps(measured), markup=False)
        return
    auto_cli(precision, as_positional=False, args=spell_flags(arguments, set()))


if __name__ == "__main__":
    run(sys.argv[1:])
