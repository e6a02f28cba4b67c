"""How much memory training from pixels takes, and how it grows with the length of the video.

    python benchmarks/end_to_end_memory.py

Trains AherNet on the pixels of one untrimmed video of T clips, a short foreground segment and a short moment, gradients
reaching the backbone. Every setting and every T has a process of its own, with one thread. Prints one table; the last
line is JSON.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.console import output_console
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.modules.phases import TransferPhase
from aher_lightning.structures import Categories, MomentBatch, SnippetSequences, UntrimmedBatch
from aher_lightning.video.contract import TemporalContract
from processes import memory_mib, run_apart
from training_loop import Repeated, Stopwatch

CLIPS_PER_CHUNK = 8
"""Clips that run through the backbone at once where it works in chunks."""

TRIMMED_CLIPS = 8
"""Clips of the foreground segment, and of the moment."""

ITERATIONS = 3
"""Training iterations; the first one is not timed, since it sets everything up."""

MIB = 2**20


class Setting(NamedTuple):
    """How a backbone is trained.

    Attributes:
        title: Row of the table.
        options: Options of the backbone.
        precision: Option of the trainer.
    """

    title: str
    options: Mapping[str, Any]
    precision: Any = "32-true"


CHUNKS = {"clips_per_chunk": CLIPS_PER_CHUNK}
CHECKPOINTS = {**CHUNKS, "checkpoint_chunks": True}
SETTINGS = {
    "plain": Setting("plain", {}),
    "chunks": Setting(f"chunks of {CLIPS_PER_CHUNK}", CHUNKS),
    "checkpoints": Setting("chunks, checkpointed", CHECKPOINTS),
    "half": Setting("the same, gradient_fraction 0.5", {**CHECKPOINTS, "gradient_fraction": 0.5}),
    "bfloat16": Setting("chunks, checkpointed, bf16-mixed", CHECKPOINTS, "bf16-mixed"),
}
RECOMMENDED = "checkpoints"
"""The setting whose memory must hardly grow: its gradients are those of "plain"."""


class Case(NamedTuple):
    """What is trained on.

    Attributes:
        name: Word of the command line.
        lengths: Values of T, in clips.
        size: Side of a picture in pixels.
    """

    name: str
    lengths: tuple[int, ...]
    size: int


LARGE = Case("large", (64, 256, 512), 112)
QUICK = Case("quick", (16, 64), 48)


def make_snippets(count: int, size: int) -> SnippetSequences:
    """Return the random pixels of one video, ``(count, 3, 16, size, size)``."""
    values = torch.randint(0, 256, (count, 3, 16, size, size), dtype=torch.uint8)
    return SnippetSequences(values, torch.tensor([count]), torch.tensor([0.5 / count]), torch.tensor([1.0 / count]))


def make_batch(length: int, size: int) -> TrainingBatch:
    """Return a training batch of one video of some length, one foreground segment and one moment."""
    untrimmed = UntrimmedBatch(
        iteration=0,
        video_ids=["video"],
        positions=torch.tensor([0]),
        snippets=make_snippets(length, size),
        durations_sec=torch.tensor([100.0], dtype=torch.float64),
        segments_sec=torch.tensor([[[10.0, 30.0], [50.0, 90.0]]], dtype=torch.float64),
        labels=torch.tensor([[0, 0]]),
    )
    foreground, moments = (
        MomentBatch(0, [name], make_snippets(TRIMMED_CLIPS, size), torch.tensor([0]))
        for name in ("foreground", "moment")
    )
    return {"untrimmed": untrimmed, "foreground": foreground, "moments": moments}


def make_module(setting: Setting, size: int) -> AherModule:
    """Return AherNet of the size that the demo has, its transfer phase teaching the backbone."""
    module = AherModule(
        Categories([f"untrimmed{i}" for i in range(5)], [f"moment{i}" for i in range(5)]),
        backbone=P3DSmall(**setting.options),
        network=partial(AherNet, length=128, stem_channels=(128, 128), level_channels=(128,) * 6),
        transfer=TransferPhase(groups=("pyramid", "heads", "transfer", "backbone")),
    )
    module.contract = TemporalContract(fps=10.0, resize=size, crop=size)
    return module


def measure(setting: Setting, length: int, size: int) -> dict[str, float]:
    """Train for some iterations; meant for a new process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    imported = memory_mib("VmRSS")
    stopwatch = Stopwatch()
    batch = make_batch(length, size)
    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            default_root_dir=folder,
            accelerator="cpu",
            precision=setting.precision,
            max_epochs=1,
            callbacks=[stopwatch],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(make_module(setting, size), Repeated(batch, ITERATIONS))
    return {
        "seconds": statistics.median(stopwatch.seconds[1:]),
        "peak_mib": memory_mib("VmHWM"),
        "added_mib": memory_mib("VmHWM") - imported,
        "pixels_mib": sum(part.snippets.values.numel() for part in cast("Mapping[str, Any]", batch).values()) / MIB,
    }


def measure_apart(setting: str, length: int, size: int) -> dict[str, float]:
    """Measure in a process of its own."""
    return run_apart(__file__, setting, length, size)


def result_table(case: Case, found: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Table:
    """Return everything that was measured as a table."""
    title = f"one video of T clips of 16 frames of {case.size} x {case.size}, 1 thread"
    columns = ("setting", "T", "pixels", "peak", "above imports", "iteration")
    table = Table(*columns, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, by_length in found.items():
        for length, row in by_length.items():
            numbers = (f"{row[key]:.0f} MiB" for key in ("pixels_mib", "peak_mib", "added_mib"))
            title = SETTINGS[name].title if length == case.lengths[0] else ""
            is_last = length == case.lengths[-1]
            table.add_row(title, str(length), *numbers, f"{row['seconds']:.2f} s", end_section=is_last)
    return table


def ratios(case: Case, by_length: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """Return how memory grows from the first T of a case to the second: of the whole process, and above imports."""
    short, long = (by_length[length] for length in case.lengths[:2])
    names = f"{case.lengths[1]}_to_{case.lengths[0]}"
    return {
        f"ratio_{names}": long["peak_mib"] / short["peak_mib"],
        f"added_ratio_{names}": long["added_mib"] / short["added_mib"],
    }


def end_to_end_memory(quick: bool = False) -> None:
    """Train in every setting on videos of every length, and print what that took.

    Args:
        quick: Short videos of small pictures.
    """
    case = QUICK if quick else LARGE
    found = {name: {length: measure_apart(name, length, case.size) for length in case.lengths} for name in SETTINGS}
    console = output_console()
    console.print(result_table(case, found))
    summary = {"benchmark": "end_to_end_memory", "quick": quick, "recommended": RECOMMENDED}
    console.print(json.dumps({**summary, **ratios(case, found[RECOMMENDED]), "settings": found}))


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    if list(arguments[:1]) == ["measure"]:
        setting, length, size = arguments[1:]
        output_console().print(json.dumps(measure(SETTINGS[setting], int(length), int(size))))
        return
    auto_cli(end_to_end_memory, as_positional=False, args=spell_flags(arguments, {"quick"}))


if __name__ == "__main__":
    run(sys.argv[1:])
