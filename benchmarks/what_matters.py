"""How many clips and how many annotated videos AherNet needs, on the rendered benchmark, with public commands only.

    python benchmarks/what_matters.py --seeds 2 3

A seed renders its videos, trains one recognizer and extracts features once. Then stage 0 and AherNet are trained on
fewer clips per category of the moments, or on fewer annotated videos of other categories, which also have the
background that moments are pasted into. The recognizer has seen all of them, as a pretrained backbone would have.
Prints means over the seeds on the moment categories, in percent. The last line is JSON with fractions of 1.

Runs are those of ``ablation.py``: finished ones are not repeated, interrupted trainings continue, and those that both
benchmarks need are shared in the same output folder.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jsonargparse import auto_cli
from rich.table import Table

from ablation import DEMO, plan, training
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.console import output_console
from training_runs import Bench, Run, run_all

METRICS = ("mAP@0.50", "mAP", "AUC", "oracle_labels/mAP", "oracle_segments/mAP")
"""Reported metrics."""


class Data(NamedTuple):
    """An amount of training data.

    Attributes:
        clips: Clips of each moment category.
        videos: Annotated videos of the other categories.
    """

    clips: int = 60
    videos: int = 160

    @property
    def name(self) -> str:
        """Part of folder names."""
        return f"clips{self.clips}_videos{self.videos}"


AMOUNTS = (Data(clips=5), Data(clips=15), Data(), Data(videos=40), Data(videos=10))
"""What is compared; the one without arguments is the demo's."""


def runs_of(data: Data, overrides: Sequence[str]) -> Iterator[Run]:
    """Yield the runs for an amount of data, from weights and features that :func:`plan` makes."""
    if data == Data():
        return
    rendered, stage0 = f"render_{data.name}", "stage0"
    options = (f"--moments-per-category={data.clips}", f"--videos={data.videos}", "--untrimmed-validation-videos=0")
    yield Run(rendered, "render", options=options, data=None)
    if data.videos != Data().videos:
        stage0 = f"stage0_{data.name}"
        first = training(stage0, ("demo_stage0.yaml",), ("recognition",), DEMO.stage0, overrides)
        yield first._replace(rendered=rendered)
    second = training(f"ahernet_{data.name}", (), (stage0,), DEMO.aher, overrides)
    yield second._replace(rendered=rendered)
    yield Run(test_of(data), "test", ("demo.yaml",), checkpoint=second.name, rendered=rendered)


def test_of(data: Data) -> str:
    """Return the name of the test run for an amount of data."""
    return "ahernet_test" if data == Data() else f"ahernet_{data.name}_test"


def what_matters(
    seeds: Sequence[int] = (2, 3), output: Path = Path("runs/ablation"), overrides: Sequence[str] = ()
) -> None:
    """Train on less data and compare.

    Args:
        seeds: Seeds of rendering and training.
        output: Folder for all runs; that of ``ablation.py`` saves those which it has finished.
        overrides: More options for every training command, such as ``--iterations=10``.
    """
    shared = [run for run in plan(DEMO, ["ahernet"], overrides) if not run.name.endswith("_paper")]
    runs = [*shared, *(run for data in AMOUNTS for run in runs_of(data, overrides))]
    benches = {seed: Bench(output / f"seed{seed}", seed, runs) for seed in dict.fromkeys(seeds)}
    run_all(benches)
    found = [
        data._asdict() | {"seeds": {seed: scores(bench, data) for seed, bench in benches.items()}} for data in AMOUNTS
    ]
    console = output_console()
    console.print(table(found))
    console.print(json.dumps({"benchmark": "what_matters", "seeds": list(benches), "amounts": found}), markup=False)


def scores(bench: Bench, data: Data) -> dict[str, float]:
    """Return the scores with an amount of data."""
    metrics = bench.result(test_of(data))["metrics"]
    return {name: metrics[f"test/{name}"] for name in METRICS}


def table(found: Sequence[Mapping[str, Any]]) -> Table:
    """Means over the seeds, in percent, a row for each amount of data."""
    result = Table(title="Categories that had no temporal annotation, %", title_justify="left")
    for column in ("clips per category", "annotated videos", *METRICS):
        result.add_column(column, justify="right")
    for one in found:
        means = (statistics.fmean(scores[name] for scores in one["seeds"].values()) for name in METRICS)
        result.add_row(str(one["clips"]), str(one["videos"]), *(f"{100 * mean:.1f}" for mean in means))
    return result


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    words = spell_lists(spell_flags(arguments, set()), {"seeds": False, "overrides": True})
    auto_cli(what_matters, as_positional=False, args=words)


if __name__ == "__main__":
    run(sys.argv[1:])
