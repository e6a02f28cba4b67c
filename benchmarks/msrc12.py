"""Train and test AherNet and AherNet- on real recordings of gestures (MSRC-12), with public commands only.

    python benchmarks/msrc12.py --seeds 1 2 3

592 Kinect recordings of 30 people. Each shows one gesture category, about ten times in a row. Six iconic gestures are
known with boundaries (198 recordings), six metaphoric ones from moments alone (2,108 instances, cut out); the test
localizes the latter in 99 recordings of ten people of whom nothing is trained. Settings are those of the demo with the
sizes of this data (``configs/msrc12.yaml``); nothing was tuned on it.

Background is scarce: 28 % of the time of the annotated training recordings and 23 % of that of the test recordings lies
outside all instances, almost half of it before the first and after the last one. An instance lasts 2.7 s, 7 % of its
recording (medians).

AherNet- labels the proposals of stage 0 by a classifier of moments. As there is no backbone to train, that is one
linear layer on the mean pose and speed of a third of a second.

Prints a table in percent. The last line is JSON with fractions of 1, as ``aher test`` writes them: the means over the
seeds of AherNet as ``mAP@0.50``, ``mAP@0.75`` and ``average``, and the scores of every system and seed.
``oracle_labels`` and ``oracle_segments`` are average mAP with true labels and with true segments. Finished runs in the
output folder are not repeated and interrupted ones continue, so take another folder when settings have changed.
"""

from __future__ import annotations

import json
import shlex
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.cli.main import main
from aher_lightning.console import output_console

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "real" / "msrc12"
"""Folder of the data, beside the repository."""

METRICS = {
    "mAP@0.50": "test/mAP@0.50",
    "mAP@0.75": "test/mAP@0.75",
    "average": "test/mAP",
    "AUC": "test/AUC",
    "oracle_labels": "test/oracle_labels/mAP",
    "oracle_segments": "test/oracle_segments/mAP",
}
"""Reported scores, and their keys in the metrics of ``aher test``."""


class Training(NamedTuple):
    """One training run.

    Attributes:
        name: Its folder.
        overlays: Configurations after those of the demo and the data.
        needs: Trainings whose checkpoints it starts from.
    """

    name: str
    overlays: tuple[str, ...]
    needs: tuple[str, ...]


TRAININGS = (
    Training("recognition", ("demo_recognition.yaml", "msrc12_recognition.yaml"), ()),
    Training("stage0", ("demo_stage0.yaml", "msrc12_stage0.yaml"), ()),
    Training("aher", (), ("stage0",)),
)
"""All training runs of a seed, in order."""


class System(NamedTuple):
    """One row of the table.

    Attributes:
        folder: Folder of its test run.
        overlays: Configurations after those of the demo and the data.
        weights: Trainings whose checkpoints it is composed of.
        checkpoint: Training whose checkpoint it is.
    """

    folder: str
    overlays: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    checkpoint: str | None = None


SYSTEMS = {
    "AherNet-": System("test_ahernet_minus", ("variants/ahernet_minus.yaml",), weights=("recognition", "stage0")),
    "AherNet": System("test_ahernet", checkpoint="aher"),
}
"""All systems, in the order of the table."""


class Bench:
    """The runs of one seed.

    Args:
        output: Their folder.
        root: Folder of the data.
        seed: Seed of training.
        overrides: More options of every training.
    """

    def __init__(self, output: Path, root: Path, seed: int, overrides: Sequence[str]) -> None:
        self.output = output
        self.root = root
        self.seed = seed
        self.overrides = overrides

    def train(self, training: Training) -> float:
        """Train unless that is finished, and return the wall time in seconds."""
        options = ["--ckpt_path=last", "--trainer.limit_val_batches=0", *self.overrides]
        options.append(f"--model.initial_weights={self.checkpoints(training.needs)}")
        return self.finish("fit", training.name, training.overlays, options)["seconds"]

    def test(self, system: System) -> dict[str, float]:
        """Test a system unless that is finished, and return its scores by their reported names."""
        options = [f"--model.initial_weights={self.checkpoints(system.weights)}"]
        if system.checkpoint is not None:
            options.append(f"--ckpt_path={self.checkpoint(system.checkpoint)}")
        found = self.finish("test", system.folder, system.overlays, options)
        return {name: found[key] for name, key in METRICS.items()}

    def finish(self, verb: str, name: str, overlays: Sequence[str], options: Sequence[str]) -> dict[str, float]:
        """Run a command unless its result file exists; return the result: wall time in seconds, and its metrics."""
        folder = self.output / name
        result = folder / "result.json"
        if not result.is_file():
            started = time.monotonic()
            folders = [f"--trainer.default_root_dir={folder}", "--trainer.logger=false", *self.data()]
            aher(verb, *configs(overlays), *folders, f"--seed_everything={self.seed}", *options)
            metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8")) if verb == "test" else {}
            content = {"seconds": time.monotonic() - started, **metrics}
            result.write_text(json.dumps(content), encoding="utf-8")
        found: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
        return found

    def data(self) -> list[str]:
        """Options for the place of the data."""
        features = self.root / "features"
        return [
            f"--data.videos={features}",
            f"--data.features.root={features}",
            f"--data.annotations={self.root / 'annotations_un_am.json'}",
            f"--data.moment_annotations={self.root / 'moments_am.json'}",
            f"--data.split={self.root / 'un_am_split.json'}",
        ]

    def checkpoint(self, name: str) -> Path:
        """The checkpoint of a training."""
        return self.output / name / "last.ckpt"

    def checkpoints(self, names: Sequence[str]) -> str:
        """Checkpoints as a list on the command line."""
        return json.dumps([str(self.checkpoint(name)) for name in names])


def configs(overlays: Sequence[str]) -> list[str]:
    """The configurations of the demo and the data with overlays, as command-line arguments."""
    return [f"--config={name}" for name in ("demo.yaml", "msrc12.yaml", *overlays)]


def aher(*words: str) -> None:
    """Show and run one command."""
    output_console().print(f"$ aher {shlex.join(words)}", style="dim", markup=False)
    if main(list(words)) != 0:
        raise SystemExit(f"aher {words[0]} failed; fix the reported error and run the benchmark again")


def background_fraction(videos: Iterable[AnnotatedVideo]) -> float:
    """Fraction of the time of all videos that lies outside their instances, which may overlap."""
    background_sec = total_sec = 0.0
    for video in videos:
        total_sec += video.duration_sec
        end_sec = 0.0
        for instance in sorted(video.clipped().instances, key=lambda one: one.start_sec):
            background_sec += max(instance.start_sec - end_sec, 0.0)
            end_sec = max(end_sec, instance.end_sec)
        background_sec += video.duration_sec - end_sec
    return background_sec / total_sec


def read_backgrounds(root: Path) -> dict[str, float]:
    """Background fraction of the annotated training recordings, and of the test recordings."""
    path = root / "annotations_un_am.json"
    if not path.is_file():
        raise SystemExit(f"{path}: no such file; give the folder of the data with --root")
    moment = json.loads((root / "un_am_split.json").read_text(encoding="utf-8"))["moment"]
    videos = read_activitynet(path).values()
    tested = [video for video in videos if video.subset == "validation" and video.instances[0].label in moment]
    training = [video for video in videos if video.subset == "training"]
    return {"training": background_fraction(training), "test": background_fraction(tested)}


def means(by_seed: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    """Mean of each score over the seeds."""
    return {name: statistics.fmean(scores[name] for scores in by_seed.values()) for name in METRICS}


def result_table(found: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Table:
    """A row for each system and seed, and the mean."""
    table = Table("system", "seed", title="Gestures known from moments only, held-out people, %", title_justify="left")
    for name in METRICS:
        table.add_column(name.replace("_", " "), justify="right")
    for system, by_seed in found.items():
        rows = [*((str(seed), scores) for seed, scores in by_seed.items()), ("mean", means(by_seed))]
        for seed, scores in rows:
            table.add_row(system, seed, *(f"{100 * scores[name]:.1f}" for name in METRICS))
        table.add_section()
    return table


def msrc12(
    seeds: Sequence[int] = (1, 2, 3),
    root: Path = ROOT,
    output: Path = Path("runs/msrc12_benchmark"),
    overrides: Sequence[str] = (),
) -> None:
    """Train and test with every seed, and print the scores.

    Args:
        seeds: Seeds of training.
        root: Folder of the data.
        output: Folder for all runs, with a sub-folder for each seed.
        overrides: More options for every training command, such as ``--iterations=10``.
    """
    backgrounds = read_backgrounds(root)
    minutes: dict[int, float] = {}
    found: dict[str, dict[int, dict[str, float]]] = {name: {} for name in SYSTEMS}
    for seed in seeds:
        bench = Bench(output / f"seed{seed}", root, seed, overrides)
        minutes[seed] = sum(bench.train(training) for training in TRAININGS) / 60
        for name, system in SYSTEMS.items():
            found[name][seed] = bench.test(system)
    console = output_console()
    console.print(result_table(found))
    shares = ", ".join(f"{100 * share:.0f} % of {name} recordings" for name, share in backgrounds.items())
    times = ", ".join(f"{taken:.1f} minutes (seed {seed})" for seed, taken in minutes.items())
    console.print(f"background: {shares}; training: {times}", markup=False)
    systems = {name: {"mean": means(by_seed), "seeds": by_seed} for name, by_seed in found.items()}
    ours = means(found["AherNet"])
    headline = {name: ours[name] for name in ("mAP@0.50", "mAP@0.75", "average")}
    summary = {"benchmark": "msrc12", **headline, "background": backgrounds, "minutes": minutes, "systems": systems}
    console.print(json.dumps(summary), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    words = spell_lists(spell_flags(arguments, set()), {"seeds": False, "overrides": True})
    auto_cli(msrc12, as_positional=False, args=words)


if __name__ == "__main__":
    run(sys.argv[1:])
