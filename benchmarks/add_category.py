"""What a category that is added from its clips is worth, next to the same category when it took part in training.

    python benchmarks/add_category.py --seeds 0 1 2

For every seed the rendered benchmark is trained on twice by the steps of ``aher demo``: with the category, and
without a trace of it. ``aher add-category`` then adds it to the second checkpoint, from a few of its moments and from
all. All are tested on the same videos. Prints one table; the last line is JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.cli.demo import demo_steps
from aher_lightning.cli.main import main
from aher_lightning.console import output_console
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.inference.add_category import extend_memory, level_problems
from aher_lightning.inference.category_clips import ClipFeatures
from aher_lightning.inference.category_training import train_categories
from aher_lightning.inference.rebuild import load_module
from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.modules.detection_metrics import ground_truth
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from aher_lightning.structures import Detections, UntrimmedBatch

TIMED = (1, 10, 100)
"""How many new categories the training of classifiers is timed for, of five clips each."""

ARMS = ("with", "without")
"""The two trainings: with the category, and without it."""


def run_command(*words: str) -> None:
    """Run one ``aher`` command; end the benchmark if it fails."""
    if main(list(words)) != 0:
        raise SystemExit(f"aher {' '.join(words)} failed")


def leave_out(rendered: Path, target: Path, category: str, arm: str) -> None:
    """Make a benchmark folder whose last moment category is the given one, or that lacks it altogether."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("videos", "moments"):
        if not (target / name).is_symlink():
            (target / name).symlink_to((rendered / name).resolve())
    split = json.loads((rendered / "split.json").read_text(encoding="utf-8"))
    if category not in split["moment"]:
        raise SystemExit(f"'{category}' is no moment category; there are {', '.join(split['moment'])}")
    split["moment"].remove(category)
    content = json.loads((rendered / "annotations.json").read_text(encoding="utf-8"))
    content.pop("taxonomy", None)
    if arm == "with":
        split["moment"].append(category)
    else:
        videos = content["database"].items()
        content["database"] = {
            name: one for name, one in videos if all(found["label"] != category for found in one["annotations"])
        }
    (target / "split.json").write_text(json.dumps(split), encoding="utf-8")
    (target / "annotations.json").write_text(json.dumps(content), encoding="utf-8")


def train_arms(folder: Path, seed: int, category: str, overrides: Sequence[str]) -> None:
    """Render, and train with and without the category."""
    run_command("render", f"--output={folder / 'data'}", f"--seed={seed}", "--untrimmed-validation-videos=0")
    for arm in ARMS:
        leave_out(folder / "data", folder / arm / "data", category, arm)
        for step in demo_steps(folder / arm, seed, overrides)[1:5]:
            run_command(*step.arguments)
    # The features of the test videos that only the other training has.
    extract = ["--config=demo_extract.yaml", f"--checkpoint={folder / 'without' / 'recognition' / 'last.ckpt'}"]
    run_command(
        "extract", *extract, f"--data.root={folder / 'with' / 'data'}", f"--output={folder / 'without/features'}"
    )


def add(folder: Path, category: str, clips: int) -> Path:
    """Add the category to the checkpoint of the training without it, from its first clips."""
    chosen = folder / f"moments_{clips}" / category
    chosen.mkdir(parents=True, exist_ok=True)
    for path in sorted((folder / "data" / "moments" / category).iterdir())[:clips]:
        if not (chosen / path.name).is_symlink():
            (chosen / path.name).symlink_to(path.resolve())
    output = folder / f"added_{clips}.ckpt"
    before = f"--checkpoint={folder / 'without' / 'aher' / 'last.ckpt'}"
    run_command("add-category", before, f"--moments={chosen.parent}", f"--output={output}", "--overwrite")
    return output


def load_network(path: Path) -> PhasedModule:
    """Return the module of a checkpoint."""
    return cast("PhasedModule", load_module(path))


def batches(folder: Path, arm: str) -> Iterator[UntrimmedBatch]:
    """The test videos of all categories, as features of the backbone of a training."""
    contract = load_module(folder / arm / "aher" / "last.ckpt").require_contract()
    features = NpyFeatureStore(folder / arm / "features")
    data = RenderedDataModule(root=folder / "with" / "data", features=features, contract=contract)
    data.setup("test")
    yield from cast("Any", data.test_dataloader())


@torch.inference_mode()
def score(path: Path, folder: Path, arm: str) -> tuple[float, float]:
    """Return the AP of the category, which is the last one, and the mean AP of all others."""
    module = load_network(path)
    found: list[Detections] = []
    truth: list[Detections] = []
    for batch in batches(folder, arm):
        found += module.detect(batch.snippets, batch.durations_sec)
        truth += [ground_truth(batch.segments_sec[row], batch.labels[row]) for row in range(len(batch.video_ids))]
    places = range(len(found))
    precisions = average_precisions(
        table_from_detections(found, places), table_from_detections(truth, places), ACTIVITYNET_THRESHOLDS
    )
    means = precisions.values.mean(axis=0).tolist()
    return means[-1], statistics.fmean(means[:-1])


@torch.inference_mode()
def logits_are_equal(before: Path, after: Path, folder: Path) -> bool:
    """Whether all categories of a checkpoint have the same logits in another one, bit for bit, on all test videos."""
    old, new = load_network(before), load_network(after)
    count = len(old.categories.moment)
    for batch in batches(folder, "without"):
        levels = old.network.levels(old.encode(batch.snippets, old.network.length))
        cells = [one.network.localize(levels, "moment").class_logits[:, :count] for one in (old, new)]
        segments = [one.network.classify_segments(levels, "moment")[..., :count] for one in (old, new)]
        if not (torch.equal(*cells) and torch.equal(*segments)):
            return False
    return True


def training_seconds(checkpoint: Path) -> dict[str, float]:
    """Return how long the classifiers of some numbers of categories take: remembered moments with noise, five each."""
    memory = read_checkpoint(checkpoint)[STATE_KEY][FEATURE_BANK_KEY]
    module = load_network(checkpoint)
    generator = torch.Generator().manual_seed(0)
    seconds = {}
    for number in TIMED:
        labels = torch.arange(number).repeat_interleave(5)
        places = torch.randint(len(memory["labels"]), (number,), generator=generator)[labels]
        pooled = []
        for values in memory["features"]:
            drawn = values[places].float()
            pooled.append(drawn + 0.3 * drawn.std() * torch.randn(drawn.shape, generator=generator))
        clips = ClipFeatures(pooled, labels, [])
        problems = level_problems(module.network, extend_memory(memory, clips, len(module.categories.moment)))
        started = time.perf_counter()
        train_categories(problems, number)
        seconds[str(number)] = time.perf_counter() - started
    return seconds


def measure(folder: Path, seed: int, category: str, clips: Sequence[int]) -> dict[str, Any]:
    """Return what the trainings of one seed gave."""
    before = folder / "without" / "aher" / "last.ckpt"
    trained, trained_others = score(folder / "with" / "aher" / "last.ckpt", folder, "with")
    result: dict[str, Any] = {
        "seed": seed,
        "trained_AP": trained,
        "trained_others_mAP": trained_others,
        "others_mAP_before": score(before, folder, "without")[1],
        "seconds": training_seconds(before),
    }
    for number in clips:
        output = add(folder, category, number)
        own, others = score(output, folder, "without")
        is_equal = logits_are_equal(before, output, folder)
        result[f"clips_{number}"] = {"AP": own, "others_mAP": others, "logits_are_equal": is_equal}
    return result


def result_table(results: Sequence[Mapping[str, Any]], category: str, clips: Sequence[int]) -> Table:
    """Return what was measured as a table, in percent."""
    table = Table(title=f"'{category}' trained and added, average precision in %", title_justify="left")
    columns = ["seed", "trained", *(f"{number} clips" for number in clips), "others before"]
    columns += [*(f"others, {number}" for number in clips), "logits equal"]
    for column in columns:
        table.add_column(column, justify="right")
    for one in results:
        runs = [one[f"clips_{number}"] for number in clips]
        values = [one["trained_AP"], *(run["AP"] for run in runs), one["others_mAP_before"]]
        values += [run["others_mAP"] for run in runs]
        is_equal = all(run["logits_are_equal"] for run in runs)
        table.add_row(str(one["seed"]), *(f"{100 * value:.1f}" for value in values), "yes" if is_equal else "NO")
    return table


def add_category(
    seeds: list[int] | None = None,
    category: str = "rocking",
    clips: list[int] | None = None,
    overrides: list[str] | None = None,
    output: Path = Path("runs/add_category"),
) -> None:
    """Leave a category out of training, add it, and compare.

    Args:
        seeds: Seeds of rendering and training; 0 if not given.
        category: Moment category to leave out.
        clips: From how many clips it is added, one checkpoint each; 5 and all 60 if not given.
        overrides: Further options for every training command, such as ``--iterations=10``.
        output: Folder for everything.
    """
    clips = clips or [5, 60]
    results = []
    for seed in seeds or [0]:
        folder = output / f"seed{seed}"
        train_arms(folder, seed, category, overrides or [])
        results.append(measure(folder, seed, category, clips))
    console = output_console()
    console.print(result_table(results, category, clips))
    for number in map(str, TIMED):
        seconds = statistics.median(one["seconds"][number] for one in results)
        console.print(f"classifiers of {number} categories: {seconds:.1f} s")
    console.print(json.dumps({"benchmark": "add_category", "category": category, "results": results}), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    words = spell_lists(arguments, {"seeds": False, "clips": False, "overrides": True})
    auto_cli(add_category, as_positional=False, args=spell_flags(words, set()))


if __name__ == "__main__":
    run(sys.argv[1:])
