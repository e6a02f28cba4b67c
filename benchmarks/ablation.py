"""Train and test the twelve systems of the paper's Tables 1 and 2 on the rendered benchmark, with public commands only.

    python benchmarks/ablation.py --seeds 1 --quick

Renders videos, trains every system and prints both tables in their layout, with the wall time of each system's own
training and test. The last line is JSON. Finished systems in the output folder are not trained again.
"""

from __future__ import annotations

import json
import shlex
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.cli.main import main
from aher_lightning.console import output_console


class Sizes(NamedTuple):
    """Size of the benchmark and length of training.

    Attributes:
        render: Options of ``aher render``.
        recognition: Iterations of the snippet classifier.
        stage0: Iterations of stage 0, and of systems without stage 0.
        contexts: Iterations of context pre-training for AherNet_A-.
        aher: Iterations of Algorithm 1.
    """

    render: tuple[str, ...]
    recognition: int
    stage0: int
    contexts: int
    aher: int


QUICK = Sizes(("--moment-training-videos=160",), 1850, 500, 150, 300)
"""The sizes of the demo."""

FULL = Sizes(
    (
        *("--untrimmed-categories=16", "--moment-categories=13", "--videos=320", "--moment-training-videos=260"),
        *("--validation-videos=130", "--moments-per-category=60"),
    ),
    *(2000, 1000, 300, 600),
)


class System(NamedTuple):
    """One row of a table.

    Attributes:
        title: Its name in the paper.
        variant: Overlay in ``configs/variants``.
        needs: Runs whose checkpoints it starts from.
        iterations: Field of the sizes with its number of iterations; none for a system that is not trained.
    """

    title: str
    variant: str
    needs: tuple[str, ...]
    iterations: str | None


TRANSFERS = {
    "1-fc, none": "1fc_none",
    "1-fc, ReLU": "1fc_relu",
    "1-fc, LeakyReLU": "1fc_leaky_relu",
    "1-fc, ELU": "1fc_elu",
    "2-fc, LeakyReLU": "2fc_leaky_relu",
    "2-fc, ELU": "2fc_elu",
    "3-fc, ELU": "3fc_elu",
}

OURS = "2fc_elu"
"""The transfer function of AherNet unless the paper states another one."""


def stage0_of(transfer: str) -> str:
    """The stage-0 run with a transfer function, which is trained from there on."""
    return "stage0" if transfer == OURS else f"stage0_{transfer}"


SYSTEMS = {
    "ahernet_0": System("AherNet0", "ahernet_0", ("recognition",), None),
    "ahernet_minus": System("AherNet-", "ahernet_minus", ("recognition", "stage0"), None),
    "ahernet_m": System("AherNet_M", "ahernet_m", ("recognition",), "stage0"),
    "ahernet_a_minus": System("AherNet_A-", "ahernet_a_minus", ("contexts",), "aher"),
    **{
        name: System(f"AherNet, {title}", f"transfer/{name}", (stage0_of(name),), "aher")
        for title, name in TRANSFERS.items()
    },
    "ahernet_star": System("AherNet*", "ahernet_star", ("recognition",), "stage0"),
}

TABLE_1 = ("ahernet_0", "ahernet_minus", *TRANSFERS.values(), "ahernet_star")
TABLE_2 = ("ahernet_0", "ahernet_minus", "ahernet_m", "ahernet_a_minus", OURS, "ahernet_star")


class Result(NamedTuple):
    """Scores of a system with one seed.

    Attributes:
        metrics: Metrics of ``aher test``.
        seconds: Wall time of its own training and test.
    """

    metrics: dict[str, float]
    seconds: float


class Bench:
    """The runs of one seed in one folder.

    Args:
        output: Folder for all runs.
        seed: Seed of rendering and training.
        sizes: Sizes and iterations.
    """

    def __init__(self, output: Path, seed: int, sizes: Sizes) -> None:
        self.output = output
        self.seed = seed
        self.sizes = sizes

    def prepare(self) -> None:
        """Render, train the snippet classifier, extract features, and train what several systems start from."""
        data, recognition = self.output / "data", self.checkpoint("recognition")
        aher("render", f"--output={data}", f"--seed={self.seed}", *self.sizes.render)
        if not recognition.is_file():
            steps = self.sizes.recognition
            options = [f"--iterations={steps}", f"--model.scheduler.total_steps={steps}"]
            self.fit("recognition", ["demo_recognition.yaml"], [], [*options, "--trainer.limit_val_batches=0"])
        words = [f"--data.root={data}", f"--checkpoint={recognition}", f"--output={self.output / 'features'}"]
        aher("extract", "--config=demo_extract.yaml", *words)
        for name in TRANSFERS.values():
            overlays = [f"variants/transfer/{name}.yaml", "variants/stage0.yaml"]
            self.train(stage0_of(name), overlays, ["recognition"], self.sizes.stage0)
        self.train("contexts", ["variants/contexts.yaml"], ["stage0"], self.sizes.contexts)

    def measure(self, name: str) -> Result:
        """Train a system unless it is finished, test it, and return its scores and wall time."""
        system, folder = SYSTEMS[name], self.output / name
        finished = folder / "result.json"
        if not finished.is_file():
            started = time.monotonic()
            overlays = [f"variants/{system.variant}.yaml"]
            if system.iterations is not None:
                self.train(name, overlays, system.needs, getattr(self.sizes, system.iterations))
            words = [f"--trainer.default_root_dir={folder}", "--trainer.logger=false", *self.cached()]
            if name == "ahernet_minus":
                words += [f"--model.initial_weights={self.weights(system.needs)}"]
            else:
                trained = name if system.iterations is not None else system.needs[0]
                words += ["--model.initial_weights=[]", f"--ckpt_path={self.checkpoint(trained)}"]
            aher("test", *configs(overlays), *words)
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            result = {"metrics": metrics, "seconds": time.monotonic() - started}
            finished.write_text(json.dumps(result), encoding="utf-8")
        return Result(**json.loads(finished.read_text(encoding="utf-8")))

    def train(self, name: str, overlays: Sequence[str], needs: Sequence[str], iterations: int) -> None:
        """Train on cached features, unless the checkpoint exists."""
        if not self.checkpoint(name).is_file():
            options = [f"--iterations={iterations}", f"--model.scheduler.T_max={iterations}", *self.cached()]
            self.fit(name, overlays, needs, [*options, "--trainer.limit_val_batches=0"])

    def fit(self, name: str, overlays: Sequence[str], needs: Sequence[str], options: Sequence[str]) -> None:
        """Run ``aher fit``."""
        folders = [f"--trainer.default_root_dir={self.output / name}", "--trainer.logger=false"]
        data = [f"--data.root={self.output / 'data'}", f"--seed_everything={self.seed}"]
        aher("fit", *configs(overlays), *folders, *data, f"--model.initial_weights={self.weights(needs)}", *options)

    def cached(self) -> list[str]:
        """Options for cached features."""
        return [
            f"--data.root={self.output / 'data'}",
            f"--data.features.root={self.output / 'features'}",
            f"--seed_everything={self.seed}",
        ]

    def checkpoint(self, name: str) -> Path:
        """The checkpoint of a run."""
        return self.output / name / "last.ckpt"

    def weights(self, names: Sequence[str]) -> str:
        """Checkpoints as a list on the command line."""
        return json.dumps([str(self.checkpoint(name)) for name in names])


def configs(overlays: Sequence[str]) -> list[str]:
    """The demo's configuration with overlays, as command-line arguments."""
    return [f"--config={name}" for name in ("demo.yaml", *overlays)]


def aher(*words: str) -> None:
    """Show and run one command."""
    output_console().print(f"$ aher {shlex.join(words)}", style="dim", markup=False)
    if main(list(words)) != 0:
        raise SystemExit(f"aher {words[0]} failed; fix the reported error and run the benchmark again")


def average(results: Mapping[int, Result], key: str) -> str:
    """Mean over seeds in percent, with the standard deviation if there are several."""
    values = [100 * result.metrics[f"test/{key}"] for result in results.values()]
    spread = f" ±{statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def table(
    title: str, names: Sequence[str], columns: Mapping[str, str], found: Mapping[str, Mapping[int, Result]]
) -> Table:
    """One table: a row per system, its metrics and its wall time."""
    result = Table("Approach", title=title, title_justify="left")
    for column in (*columns, "time"):
        result.add_column(column, justify="right")
    for name in names:
        if name in found:
            seconds = statistics.mean(one.seconds for one in found[name].values())
            values = [average(found[name], key) for key in columns.values()]
            result.add_row(SYSTEMS[name].title, *values, f"{seconds:.0f} s")
    return result


def ablation(
    seeds: int = 3, quick: bool = False, output: Path = Path("runs/ablation"), systems: list[str] | None = None
) -> None:
    """Run the systems and print the tables.

    Args:
        seeds: Number of seeds, counted from 1.
        quick: Small sizes: minutes instead of hours.
        output: Folder for all runs, with a sub-folder for each size and seed.
        systems: Systems to run; all twelve by default.
    """
    sizes, started, prepared = QUICK if quick else FULL, time.monotonic(), 0.0
    found: dict[str, dict[int, Result]] = {}
    for seed in range(1, seeds + 1):
        begun = time.monotonic()
        bench = Bench(output / ("quick" if quick else "full") / f"seed{seed}", seed, sizes)
        bench.prepare()
        prepared += time.monotonic() - begun
        for name in systems or SYSTEMS:
            found.setdefault(name, {})[seed] = bench.measure(name)
    console = output_console()
    console.print(table("Table 1: weight transfer, average mAP in %", TABLE_1, {"mAP": "mAP"}, found))
    console.print(f"shared by systems (rendering, recognition, features, stage 0, contexts): {prepared:.0f} s")
    columns = {"AUC": "AUC", "mAP": "mAP"}
    console.print(table("Table 2: localization modeling, AUC and average mAP in %", TABLE_2, columns, found))
    oracles = {"true labels": "oracle_labels/mAP", "true segments": "oracle_segments/mAP"}
    console.print(table("Average mAP with an oracle, in %", list(SYSTEMS), oracles, found))
    metrics = {name: {seed: one._asdict() for seed, one in results.items()} for name, results in found.items()}
    total = time.monotonic() - started
    console.print(json.dumps({"benchmark": "ablation", "quick": quick, "seconds": total, "systems": metrics}))


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    auto_cli(ablation, as_positional=False, args=spell_flags(arguments, {"quick"}))


if __name__ == "__main__":
    run(sys.argv[1:])
