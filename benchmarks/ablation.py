"""Train and test the systems of the paper on the rendered benchmark over several seeds, with public commands only.

    python benchmarks/ablation.py --seeds 2 3 4 5 6

A seed renders its own videos, trains one recognizer, extracts features once and trains one stage 0, which all systems
share. AherNet pastes moments into real background (``demo.yaml``); "AherNet of the paper" generates contexts and has
an adversary (``variants/generated.yaml``); "half generated" does both (``variants/mixed.yaml``). AherNet* trains on
annotated videos of the moment categories alone, as in the paper, as long as stage 0; "AherNet* from stage 0" has seen
annotated videos of both sets, trains after stage 0 as long as AherNet, and is the upper bound proper. Sizes are those
of the demo, plus annotated videos for AherNet*; ``--full`` takes all categories, twice the videos and twice the
iterations. ``--transfers`` adds the other transfer functions of the paper's Table 1, each with a stage 0 of its own.

Each system is tested with the decoding of the demo and with that of the paper (``variants/paper_decoding.yaml``).
AherNet0 groups snippets by thresholds instead of decoding, so it has the same scores in both tables. Prints means and
standard deviations over the seeds, and the differences "AherNet minus system" with intervals; ``ablation_tables.py``
says what these cover. The last line is JSON. Everything, with the commands and the scores of each seed, is in
``results.json`` of the output folder, as fractions of 1.

Finished runs are not repeated and interrupted trainings continue. ``result.json`` of a run holds its command, and
digests of its configurations and of the runs that it starts from. Where any of these has changed, nothing runs: remove
the folders that the error names, or take another output folder. Changed source code is not noticed. The time of a
resumed run is that of its last attempt.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jsonargparse import auto_cli

from ablation_tables import DECODINGS, METRICS, Differences, compare, difference_table, score_table
from aher_lightning import __version__
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.console import output_console
from aher_lightning.errors import DataError
from aher_lightning.files.json_files import write_json
from training_runs import Bench, Run, run_all


class Sizes(NamedTuple):
    """Size of the benchmark and length of training.

    Attributes:
        render: Options of ``aher render``.
        recognition: Iterations of the recognizer.
        stage0: Iterations of stage 0, and of systems that do not start from it.
        contexts: Iterations of context pre-training for AherNet_A-.
        aher: Iterations of Algorithm 1, and of AherNet* from stage 0.
    """

    render: tuple[str, ...]
    recognition: int
    stage0: int
    contexts: int
    aher: int


def iterations_of(config: str) -> int:
    """Return the iterations of a shipped configuration."""
    content = yaml.safe_load((configs_folder() / config).read_text(encoding="utf-8"))
    return int(content["iterations"])


DEMO = Sizes(
    render=("--moment-training-videos=160", "--untrimmed-validation-videos=0"),
    recognition=iterations_of("demo_recognition.yaml"),
    stage0=iterations_of("demo_stage0.yaml"),
    contexts=iterations_of("demo.yaml") // 2,
    aher=iterations_of("demo.yaml"),
)
"""The sizes of the demo, and as many annotated videos of the moment categories as of the others, for AherNet*."""

FULL = Sizes(
    (
        *("--untrimmed-categories=16", "--moment-categories=13", "--videos=320", "--moment-training-videos=260"),
        *("--validation-videos=130", "--untrimmed-validation-videos=0"),
    ),
    *(2 * iterations for iterations in DEMO[1:]),
)
"""All categories, twice the videos, twice the iterations."""


class System(NamedTuple):
    """A system to test.

    Attributes:
        title: Its name in the tables.
        overlays: Configurations after ``demo.yaml``.
        weights: Runs whose checkpoints it starts from.
        iterations: Field of the sizes with its number of iterations; ``None`` for a system that is not trained.
        options: More options of its test.
        checkpoint: Run whose checkpoint is tested; ``None`` for its own training, or weights alone.
        is_decoded: Whether it has a decoder.
    """

    title: str
    overlays: tuple[str, ...] = ()
    weights: tuple[str, ...] = ("stage0",)
    iterations: str | None = "aher"
    options: tuple[str, ...] = ()
    checkpoint: str | None = None
    is_decoded: bool = True


_PROPOSALS = System("AherNet-", ("variants/ahernet_minus.yaml",), ("recognition", "stage0"), None)

_GENERATED = ("variants/generated.yaml",)

_STAR = System("AherNet*", ("variants/ahernet_star.yaml",), ("recognition",), "stage0")

SYSTEMS = {
    "chance": _PROPOSALS._replace(title="chance", options=("--model.proposals=random",)),
    "ahernet_0": System("AherNet0", ("variants/ahernet_0.yaml",), (), None, (), "recognition", is_decoded=False),
    "ahernet_minus": _PROPOSALS,
    "ahernet_m": System("AherNet_M", ("variants/ahernet_m.yaml",), ("recognition",), "stage0"),
    "ahernet_a_minus": System("AherNet_A-", (*_GENERATED, "variants/ahernet_a_minus.yaml"), ("contexts",)),
    "ahernet_paper": System("AherNet of the paper", _GENERATED),
    "ahernet_mixed": System("AherNet, half generated", ("variants/mixed.yaml",)),
    "ahernet": System("AherNet"),
    "ahernet_star": _STAR,
    "ahernet_star_stage0": _STAR._replace(title="AherNet* from stage 0", weights=("stage0",), iterations="aher"),
}
"""Systems in the order of the tables. Chance labels random proposals, AherNet- those of stage 0, by the recognizer."""

TRANSFERS = {
    name: System(f"AherNet, {title}", (f"variants/transfer/{name}.yaml",), (f"stage0_{name}",))
    for name, title in {
        "1fc_none": "1-fc, none",
        "1fc_relu": "1-fc, ReLU",
        "1fc_leaky_relu": "1-fc, LeakyReLU",
        "1fc_elu": "1-fc, ELU",
        "2fc_leaky_relu": "2-fc, LeakyReLU",
        "3fc_elu": "3-fc, ELU",
    }.items()
}
"""The transfer functions of Table 1 without that of AherNet, 2-fc with ELU."""

EVERY_SYSTEM = SYSTEMS | TRANSFERS


def plan(sizes: Sizes, names: Sequence[str], overrides: Sequence[str] = ()) -> list[Run]:
    """Return the runs of a seed in order, given the names of the systems; overrides are options of every training."""
    systems = {name: system for name, system in EVERY_SYSTEM.items() if name in names}
    steps = sizes.recognition
    fixed = (f"--iterations={steps}", f"--model.scheduler.total_steps={steps}", *overrides)
    return [
        Run("render", "render", options=sizes.render, data=None),
        Run("recognition", "fit", ("demo.yaml", "demo_recognition.yaml"), fixed, data="render"),
        Run("extract", "extract", ("demo_extract.yaml",), checkpoint="recognition", data="render"),
        *_pretrainings(sizes, systems, overrides),
        *(run for name, system in systems.items() for run in _runs_of(name, system, sizes, overrides)),
    ]


def _pretrainings(sizes: Sizes, systems: Mapping[str, System], overrides: Sequence[str]) -> Iterator[Run]:
    """What several trainings start from, as far as it is needed."""
    needed = {name for system in systems.values() for name in system.weights}
    if needed & {"stage0", "contexts"}:
        yield training("stage0", ("demo_stage0.yaml",), ("recognition",), sizes.stage0, overrides)
    if "contexts" in needed:
        yield training("contexts", (*_GENERATED, "variants/contexts.yaml"), ("stage0",), sizes.contexts, overrides)
    for system in (TRANSFERS[name] for name in TRANSFERS if name in systems):
        overlays = (*system.overlays, "demo_stage0.yaml")
        yield training(system.weights[0], overlays, ("recognition",), sizes.stage0, overrides)


def _runs_of(name: str, system: System, sizes: Sizes, overrides: Sequence[str]) -> Iterator[Run]:
    """Training and tests of a system."""
    checkpoint, weights = system.checkpoint, system.weights
    if system.iterations is not None:
        checkpoint, weights = name, ()
        iterations = getattr(sizes, system.iterations)
        yield training(name, system.overlays, system.weights, iterations, overrides)
    for decoding in DECODINGS if system.is_decoded else DECODINGS[:1]:
        overlays = system.overlays + (("variants/paper_decoding.yaml",) if decoding == "paper" else ())
        yield Run(folder_of_test(name, decoding), "test", ("demo.yaml", *overlays), system.options, weights, checkpoint)


def training(
    name: str, overlays: Sequence[str], weights: tuple[str, ...], iterations: int, overrides: Sequence[str]
) -> Run:
    """A training on cached features."""
    options = (f"--iterations={iterations}", f"--model.scheduler.T_max={iterations}", *overrides)
    return Run(name, "fit", ("demo.yaml", *overlays), options, weights)


def folder_of_test(name: str, decoding: str) -> str:
    """Return the folder of the test of a system; both decodings have the same one where there is no decoder."""
    return f"{name}_test" if decoding == "demo" or not EVERY_SYSTEM[name].is_decoded else f"{name}_test_{decoding}"


def collect(benches: Mapping[int, Bench], names: Sequence[str]) -> dict[str, Any]:
    """Return the scores of all systems by decoding: of each seed, their means and standard deviations."""
    found: dict[str, Any] = {}
    for name in names:
        by_decoding = {}
        for decoding in DECODINGS:
            folder = folder_of_test(name, decoding)
            measured = {seed: bench.result(folder)["metrics"] for seed, bench in benches.items()}
            seeds = {seed: {key: one[f"test/{key}"] for key in METRICS} for seed, one in measured.items()}
            columns = {key: [one[key] for one in seeds.values()] for key in METRICS}
            by_decoding[decoding] = {
                "seeds": seeds,
                "mean": {key: statistics.fmean(values) for key, values in columns.items()},
                "deviation": {
                    key: statistics.stdev(values) if len(values) > 1 else None for key, values in columns.items()
                },
            }
        found[name] = {"title": EVERY_SYSTEM[name].title, "decodings": by_decoding}
    return found


def differences_of(benches: Mapping[int, Bench], names: Sequence[str], resamples: int) -> dict[str, Differences]:
    """Return by how much AherNet is better than each other system, by decoding; empty without AherNet or others."""
    if "ahernet" not in names or len(names) == 1:
        return {}
    output_console().print(f"resampling test videos {resamples:,} times per seed")
    data = {seed: bench.data() for seed, bench in benches.items()}
    found = {}
    for decoding in DECODINGS:
        tests = {name: folder_of_test(name, decoding) for name in names}
        folders = {name: {seed: one.folder / test for seed, one in benches.items()} for name, test in tests.items()}
        found[decoding] = compare("ahernet", folders, data, resamples)
    return found


def ablation(
    seeds: Sequence[int] = (2, 3, 4, 5, 6),
    full: bool = False,
    transfers: bool = False,
    systems: Sequence[str] = (),
    output: Path = Path("runs/ablation"),
    overrides: Sequence[str] = (),
    resamples: int = 1000,
) -> None:
    """Run the systems and print the tables.

    Args:
        seeds: Seeds of rendering and training.
        full: Larger sizes: hours instead of minutes per seed.
        transfers: Also the other transfer functions of Table 1.
        systems: Systems to run instead, by their names in the JSON line.
        output: Folder for all runs, with a sub-folder for each seed, and for ``results.json``.
        overrides: More options for every training command, such as ``--iterations=10``.
        resamples: Bootstrap resamples of the intervals.
    """
    names = list(systems or (EVERY_SYSTEM if transfers else SYSTEMS))
    unknown = sorted(set(names) - EVERY_SYSTEM.keys())
    if unknown:
        raise SystemExit(f"no system {', '.join(unknown)}; there are {', '.join(EVERY_SYSTEM)}")
    sizes = FULL if full else DEMO
    runs = plan(sizes, names, overrides)
    benches = {seed: Bench(output / f"seed{seed}", seed, runs) for seed in dict.fromkeys(seeds)}
    run_all(benches)
    found, differences = collect(benches, names), differences_of(benches, names, resamples)
    results = {seed: {run.name: bench.result(run.name) for run in runs} for seed, bench in benches.items()}
    minutes = {seed: sum(one["seconds"] for one in by_run.values()) / 60 for seed, by_run in results.items()}
    options = {"full": full, "sizes": sizes._asdict(), "overrides": list(overrides), "resamples": resamples}
    everything = {"benchmark": "ablation", "version": __version__, "options": options, "seeds": list(benches)}
    everything |= {"minutes": minutes, "systems": found, "differences": differences, "runs": results}
    write_json(output / "results.json", everything, DataError, indent=1)
    report(everything)


def report(everything: Mapping[str, Any]) -> None:
    """Print the tables, and the JSON line: means, deviations and differences."""
    console = output_console()
    for decoding in DECODINGS:
        for keys in (("mAP", "mAP@0.50", "mAP@0.75", "mAP@0.95"), ("AUC", "oracle_labels/mAP", "oracle_segments/mAP")):
            console.print(score_table(everything["systems"], decoding, keys))
    for decoding, differences in everything["differences"].items():
        titles = {name: one["title"] for name, one in everything["systems"].items()}
        console.print(difference_table(differences, decoding, titles))
    times = ", ".join(f"{minutes:.1f} (seed {seed})" for seed, minutes in everything["minutes"].items())
    console.print(f"minutes: {times}", markup=False)
    systems = {
        name: {decoding: {key: one[key] for key in ("mean", "deviation")} for decoding, one in system.items()}
        for name, system in ((name, one["decodings"]) for name, one in everything["systems"].items())
    }
    line = {key: everything[key] for key in ("benchmark", "seeds", "minutes")}
    console.print(json.dumps(line | {"systems": systems, "differences": everything["differences"]}), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    words = spell_flags(arguments, {"full", "transfers"})
    lists = {"seeds": False, "systems": True, "overrides": True}
    auto_cli(ablation, as_positional=False, args=spell_lists(words, lists))


if __name__ == "__main__":
    run(sys.argv[1:])
