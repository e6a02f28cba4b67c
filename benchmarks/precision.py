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
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.callbacks import Compilation
from aher_lightning.command_words import spell_flags
from aher_lightning.console import output_console
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.p3d_small import P3DSmall
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.structures import Categories, MomentBatch, SnippetSequences, UntrimmedBatch
from aher_lightning.video.contract import TemporalContract
from processes import memory_mib, run_apart
from training_loop import Repeated, Stopwatch

CHANNELS = 128
"""Channels of the features, those of the demo's backbone."""

BATCH = 16
WARM_UP = 5
"""Iterations that are not counted."""

MIB = 2**20


def make_snippets(length: int) -> SnippetSequences:
    """Return random features of a batch of videos."""
    steps = torch.full((BATCH,), 1.0 / length)
    lengths = torch.full((BATCH,), length)
    return SnippetSequences(torch.rand(BATCH * length, CHANNELS), lengths, steps / 2, steps)


def make_batch(length: int) -> TrainingBatch:
    """Return a training batch: videos of two instances, foregrounds, moments."""
    labels = torch.arange(BATCH) % 5
    untrimmed = UntrimmedBatch(
        iteration=0,
        video_ids=[f"video{row}" for row in range(BATCH)],
        positions=torch.arange(BATCH),
        snippets=make_snippets(length),
        durations_sec=torch.full((BATCH,), 100.0, dtype=torch.float64),
        segments_sec=torch.tensor([[[10.0, 30.0], [50.0, 90.0]]], dtype=torch.float64).repeat(BATCH, 1, 1),
        labels=labels.unsqueeze(1).repeat(1, 2),
    )
    clips = (MomentBatch(0, [f"{name}{row}" for row in range(BATCH)], make_snippets(16), labels) for name in "fm")
    foreground, moments = clips
    return {"untrimmed": untrimmed, "foreground": foreground, "moments": moments}


def make_module(length: int, width: int) -> AherModule:
    """Return AherNet, with all phases of Algorithm 1."""
    module = AherModule(
        Categories([f"untrimmed{i}" for i in range(5)], [f"moment{i}" for i in range(5)]),
        backbone=P3DSmall(),
        network=partial(AherNet, length=length, stem_channels=(width, width), level_channels=(width,) * 6),
    )
    module.contract = TemporalContract(fps=10.0)
    return module


def measure(precision: Any, is_compiled: bool, length: int, width: int, iterations: int) -> dict[str, float]:  # noqa: ANN401
    """Train for some iterations; meant for a new process."""
    torch.manual_seed(0)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            default_root_dir=folder,
            precision=precision,
            devices=1,
            max_epochs=1,
            callbacks=[stopwatch, Compilation(enabled=is_compiled)],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(make_module(length, width), Repeated(make_batch(length), WARM_UP + iterations))
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
