"""Recordings of an hour with actions of 2 to 4 seconds, trained and tested as a whole and in windows.

    python benchmarks/long_recordings.py --seeds 2

A seed renders recordings (``aher render --recording-sec 3600``): 18 actions of five categories in each, 1 to 2 % of the
time. Eight recordings of five categories are annotated; four recordings of five others, known from clips alone, are for
the test. One recognizer and its features serve both ways: the settings of the demo, and the same with
``--data.window_sec=auto``. Prints the scores in percent, means over the seeds. The last line is JSON with fractions
of 1. Runs are resumed as those of ``ablation.py``.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from rich.table import Table

from ablation import DEMO, training
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.console import output_console
from training_runs import Bench, Run, run_all

RENDER = (
    *("--recording-sec=3600", "--untrimmed-categories=5", "--moment-categories=5", "--videos=8"),
    *("--validation-videos=4", "--untrimmed-validation-videos=0"),
)
"""Options of ``aher render``."""

DECODER = ("--model.decoder.fusion.category=1.0", "--model.decoder.fusion.prior.exponent=0")
"""Options of all tests: a recording shows several categories, so none speaks for the whole."""

WAYS = {"whole": (), "windows": ("--data.window_sec=auto",)}
"""Options of training and test, by the folders of the runs."""

METRICS = ("mAP@0.50", "mAP@0.75", "mAP", "AUC", "oracle_labels/mAP", "oracle_segments/mAP")
"""Reported metrics."""


def plan(overrides: Sequence[str]) -> list[Run]:
    """Return the runs of a seed in order; overrides are options of every training."""
    steps = DEMO.recognition
    fixed = (f"--iterations={steps}", f"--model.scheduler.total_steps={steps}", *overrides)
    return [
        Run("render", "render", options=RENDER, data=None),
        Run("recognition", "fit", ("demo.yaml", "demo_recognition.yaml"), fixed, data="render"),
        Run("extract", "extract", ("demo_extract.yaml",), checkpoint="recognition", data="render"),
        *(run for name, options in WAYS.items() for run in _runs_of(name, (*options, *overrides))),
    ]


def _runs_of(name: str, options: Sequence[str]) -> Iterator[Run]:
    """Stage 0, AherNet and its test."""
    stage0 = f"stage0_{name}"
    yield training(stage0, ("demo_stage0.yaml",), ("recognition",), DEMO.stage0, options)
    yield training(name, (), (stage0,), DEMO.aher, options)
    tested = (*WAYS[name], *DECODER)
    yield Run(test_of(name), "test", ("demo.yaml",), tested, checkpoint=name)


def test_of(name: str) -> str:
    """Return the folder of a test."""
    return f"{name}_test"


def long_recordings(
    seeds: Sequence[int] = (2,), output: Path = Path("runs/long_recordings"), overrides: Sequence[str] = ()
) -> None:
    """Train and test on long recordings.

    Args:
        seeds: Seeds of rendering and training.
        output: Folder for all runs, with a sub-folder for each seed.
        overrides: More options for every training command, such as ``--iterations=10``.
    """
    benches = {seed: Bench(output / f"seed{seed}", seed, plan(overrides)) for seed in dict.fromkeys(seeds)}
    run_all(benches)
    found = {
        name: {
            seed: {key: bench.result(test_of(name))["metrics"][f"test/{key}"] for key in METRICS}
            for seed, bench in benches.items()
        }
        for name in WAYS
    }
    console = output_console()
    console.print(table(found))
    console.print(json.dumps({"benchmark": "long_recordings", "seeds": list(benches), "ways": found}), markup=False)


def table(found: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> Table:
    """Means over the seeds, in percent."""
    result = Table(title="Actions of 2 to 4 s in recordings of an hour, %", title_justify="left")
    for column in ("trained and tested on", *METRICS):
        result.add_column(column, justify="right")
    for name, seeds in found.items():
        means = (statistics.fmean(scores[key] for scores in seeds.values()) for key in METRICS)
        result.add_row(name, *(f"{100 * mean:.1f}" for mean in means))
    return result


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    words = spell_lists(spell_flags(arguments, set()), {"seeds": False, "overrides": True})
    auto_cli(long_recordings, as_positional=False, args=words)


if __name__ == "__main__":
    run(sys.argv[1:])
