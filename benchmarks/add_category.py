"""Accuracy of categories that were added from clips, compared with the same categories in training.

    python benchmarks/add_category.py --seeds 2 3 4

For every seed the moment categories of the rendered benchmark are split into two halves. AherNet is trained without the
one, which ``aher add-category`` then adds, and without the other: every category is once trained and once added, and
competes with the same others. Three ways to add are compared: rows learnt on whole clips alone, rows taught in
background as well, and fine-tuning. All of it runs with two backbones: one has seen all categories, the other none of
the half that is added. Prints two tables; the last line is JSON. Finished trainings in the output folder are kept.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint, write_checkpoint
from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.cli.demo import demo_steps
from aher_lightning.cli.main import main
from aher_lightning.console import output_console
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.inference.add_category import learn_categories
from aher_lightning.inference.rebuild import load_module
from aher_lightning.metrics.functional.oracle import with_true_labels
from aher_lightning.metrics.functional.segment_table import table_from_detections
from aher_lightning.metrics.functional.temporal_map import average_precisions
from aher_lightning.models.bank_content import BankContent, StoredMoments, empty_content, read_bank
from aher_lightning.modules.detection_metrics import ground_truth
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.ops.thresholds import ACTIVITYNET_THRESHOLDS
from aher_lightning.structures import Detections, UntrimmedBatch

TIMED = (1, 10, 100)
"""Numbers of new categories, of five clips each, for which learning is timed."""

Backbone = Literal["seen", "unseen"]
"""Whether the backbone was trained on clips of the added categories."""

HALVES = ("even", "odd")
"""The halves of the moment categories that are added, by their places in the split."""

WAYS = ("rows", "taught", "tuned")
"""Ways to add: rows of whole clips alone, taught in background too, and the network fine-tuned."""

Scores = dict[str, tuple[float, float]]
"""AP and AP with true labels, by category."""


def run_command(*words: str) -> None:
    """Run one ``aher`` command; end the benchmark if it fails."""
    if main(list(words)) != 0:
        raise SystemExit(f"aher {' '.join(words)} failed")


def half_of(rendered: Path, half: str) -> list[str]:
    """Return the moment categories of one half."""
    moment: list[str] = json.loads((rendered / "split.json").read_text(encoding="utf-8"))["moment"]
    return moment[HALVES.index(half) :: 2]


def link(path: Path, target: Path) -> None:
    """Make a link to a file or folder, unless it is there."""
    if not path.is_symlink():
        path.symlink_to(target.resolve())


def leave_out(rendered: Path, target: Path, categories: Sequence[str]) -> None:
    """Make a benchmark folder that does not contain some of the moment categories."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("videos", "moments"):
        link(target / name, rendered / name)
    split = json.loads((rendered / "split.json").read_text(encoding="utf-8"))
    split["moment"] = [name for name in split["moment"] if name not in categories]
    content = json.loads((rendered / "annotations.json").read_text(encoding="utf-8"))
    content.pop("taxonomy", None)
    videos = content["database"].items()
    content["database"] = {
        name: one for name, one in videos if not any(found["label"] in categories for found in one["annotations"])
    }
    (target / "split.json").write_text(json.dumps(split), encoding="utf-8")
    (target / "annotations.json").write_text(json.dumps(content), encoding="utf-8")


def train_backbone(folder: Path, rendered: Path, seed: int, overrides: Sequence[str]) -> None:
    """Train a recognizer on the clips of a folder's data, and extract features of all videos that were rendered."""
    _, recognition, extract, *_ = demo_steps(folder, seed, overrides)
    if not (folder / "recognition" / "last.ckpt").is_file():
        run_command(*recognition.arguments)
    run_command(*(f"--data.root={rendered}" if one.startswith("--data.root=") else one for one in extract.arguments))


def train_without(folder: Path, half: str, backbone: Backbone, seed: int, overrides: Sequence[str]) -> Path:
    """Train AherNet without a half of the moment categories; return its folder."""
    own = folder / backbone / half
    leave_out(folder / "data", own / "data", half_of(folder / "data", half))
    if backbone == "seen":
        link(own / "recognition", folder / "recognition")
        link(own / "features", folder / "features")
    else:
        train_backbone(own, folder / "data", seed, overrides)
    for name, step in zip(("stage0", "aher"), demo_steps(own, seed, overrides)[3:5], strict=True):
        if not (own / name / "last.ckpt").is_file():
            run_command(*step.arguments)
    return own


def add(own: Path, rendered: Path, categories: Sequence[str], way: str) -> Path:
    """Add categories to the checkpoint of a training without them."""
    trained, output = own / "aher" / "last.ckpt", own / f"{way}.ckpt"
    if way == "rows":  # without videos in the feature bank
        content = read_checkpoint(trained)
        bank = read_bank(content[STATE_KEY][FEATURE_BANK_KEY])
        content[STATE_KEY][FEATURE_BANK_KEY] = bank._replace(videos=empty_content().videos).state()
        trained = own / "without_videos.ckpt"
        write_checkpoint(trained, content)
    words = [f"--checkpoint={trained}", f"--moments={rendered / 'moments'}", f"--output={output}", "--overwrite"]
    run_command("add-category", *words, "--categories", *categories, *(["--fine-tune"] if way == "tuned" else []))
    return output


def load_network(path: Path) -> PhasedModule:
    """Return the module of a checkpoint."""
    return cast("PhasedModule", load_module(path))


def batches(own: Path, rendered: Path, module: PhasedModule) -> Iterator[UntrimmedBatch]:
    """The test videos of all categories, as features of the backbone of a run."""
    features = NpyFeatureStore(own / "features")
    data = RenderedDataModule(root=rendered, features=features, contract=module.require_contract(), num_workers=0)
    data.setup("test")
    yield from cast("Any", data.test_dataloader())


@torch.no_grad()
def score(path: Path, own: Path, rendered: Path) -> Scores:
    """Return the AP of each category on the test videos, as it is and with true labels."""
    module = load_network(path)
    names = module.categories.moment
    rendered_names = json.loads((rendered / "split.json").read_text(encoding="utf-8"))["moment"]
    places = torch.tensor([names.index(name) for name in rendered_names])
    found: list[Detections] = []
    truth: list[Detections] = []
    for batch in batches(own, rendered, module):
        found += module.detect(batch.snippets, batch.durations_sec)
        labels = torch.where(batch.labels < 0, -1, places[batch.labels.clamp(min=0)])
        truth += [ground_truth(batch.segments_sec[row], labels[row]) for row in range(len(batch.video_ids))]
    tables = table_from_detections(found, range(len(found))), table_from_detections(truth, range(len(truth)))
    means = [
        average_precisions(predictions, tables[1], ACTIVITYNET_THRESHOLDS).values.mean(axis=0).tolist()
        for predictions in (tables[0], with_true_labels(*tables))
    ]
    return dict(zip(names, zip(*means, strict=True), strict=True))


@torch.no_grad()
def logits_are_equal(before: Path, after: Path, own: Path, rendered: Path) -> bool:
    """Whether all categories of a checkpoint have the same logits in another one, bit for bit, on all test videos."""
    old, new = load_network(before), load_network(after)
    count = len(old.categories.moment)
    for batch in batches(own, rendered, old):
        levels = old.network.levels(old.encode(batch.snippets, old.network.length))
        cells = [one.network.localize(levels, "moment").class_logits[:, :count] for one in (old, new)]
        segments = [one.network.classify_segments(levels, "moment")[..., :count] for one in (old, new)]
        if not (torch.equal(*cells) and torch.equal(*segments)):
            return False
    return True


def invented_clips(bank: BankContent, number: int, first_label: int) -> StoredMoments:
    """Return five clips of each of some categories: stored moments with noise."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(number).repeat_interleave(5)
    places = torch.randint(len(bank.moments.labels), (number,), generator=generator)[labels]
    snippets = bank.moments.snippets.select(places.tolist())
    values = snippets.values.float()
    noise = 0.3 * values.std() * torch.randn(values.shape, generator=generator)
    return StoredMoments(snippets._replace(values=(values + noise).half()), first_label + labels)


def learning_seconds(checkpoint: Path) -> dict[str, dict[str, float]]:
    """Return the seconds that learning takes by number of categories and way, once their clips have been read."""
    bank = read_bank(read_checkpoint(checkpoint)[STATE_KEY][FEATURE_BANK_KEY])
    seconds: dict[str, dict[str, float]] = {}
    for number in TIMED:
        seconds[str(number)] = {}
        for way in WAYS:
            module = load_network(checkpoint)
            known = bank if way != "rows" else bank._replace(videos=empty_content().videos)
            known = known.with_moments(invented_clips(bank, number, len(module.categories.moment)))
            started = time.perf_counter()
            learn_categories(module, known, fine_tunes=way == "tuned")
            seconds[str(number)][way] = time.perf_counter() - started
    return seconds


def measure_half(folder: Path, half: str, backbone: Backbone, seed: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Return the scores of all ways to add one half, by category, and of the trained other half before."""
    rendered, categories = folder / "data", half_of(folder / "data", half)
    own = train_without(folder, half, backbone, seed, overrides)
    result: dict[str, Any] = {"half": half, "backbone": backbone, "added": categories}
    for way in WAYS:
        output = add(own, rendered, categories, way)
        result[way] = score(output, own, rendered)
        result[f"{way}_logits_are_equal"] = logits_are_equal(own / "aher" / "last.ckpt", output, own, rendered)
    return result


def measure(folder: Path, seed: int, backbones: Sequence[Backbone], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the results of one seed."""
    if not (folder / "data" / "split.json").is_file():
        run_command("render", f"--output={folder / 'data'}", f"--seed={seed}", "--untrimmed-validation-videos=0")
    if "seen" in backbones:
        train_backbone(folder, folder / "data", seed, overrides)
    halves = [measure_half(folder, half, one, seed, overrides) for one in backbones for half in HALVES]
    return {"seed": seed, "halves": halves, "seconds": learning_seconds(folder / backbones[0] / "odd/aher/last.ckpt")}


def summarize(results: Sequence[Mapping[str, Any]], backbone: str, way: str) -> dict[str, float]:
    """Return mean APs over categories and seeds, added and trained, as they are and with true labels."""
    found: dict[str, list[float]] = {name: [] for name in ("added", "trained", "added_true", "trained_true")}
    for half in (one for result in results for one in result["halves"] if one["backbone"] == backbone):
        for name, values in half[way].items():
            role = "added" if name in half["added"] else "trained"
            found[role].append(values[0])
            found[f"{role}_true"].append(values[1])
    return {name: statistics.fmean(values) for name, values in found.items()}


def accuracy_table(results: Sequence[Mapping[str, Any]], backbones: Sequence[str]) -> Table:
    """Return the mean APs of all ways, in percent."""
    table = Table(title="Each category once added, once trained; mean AP in %", title_justify="left")
    columns = ["added", "trained", "ratio", "added, true labels", "trained, true labels", "logits equal"]
    for column in ("backbone", "way", *columns):
        table.add_column(column, justify="left" if column in {"backbone", "way"} else "right")
    for backbone in backbones:
        for way in WAYS:
            mean = summarize(results, backbone, way)
            halves = [one for result in results for one in result["halves"] if one["backbone"] == backbone]
            cells = [f"{100 * mean[name]:.1f}" for name in ("added", "trained", "added_true", "trained_true")]
            cells.insert(2, f"{mean['added'] / max(mean['trained'], 1e-9):.2f}")
            are_equal = all(one[f"{way}_logits_are_equal"] for one in halves)
            table.add_row(backbone, way, *cells, "yes" if are_equal else "no")
    return table


def seconds_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return the median seconds of learning."""
    table = Table(title="Seconds to learn, clips read", title_justify="left")
    for column in ("categories", *WAYS):
        table.add_column(column, justify="right")
    for number in map(str, TIMED):
        medians = [statistics.median(one["seconds"][number][way] for one in results) for way in WAYS]
        table.add_row(number, *(f"{value:.1f}" for value in medians))
    return table


def add_category(
    seeds: list[int] | None = None,
    backbones: list[Backbone] | None = None,
    overrides: list[str] | None = None,
    output: Path = Path("runs/add_category"),
) -> None:
    """Leave half of the categories out of training, add them, and compare.

    Args:
        seeds: Seeds of rendering and training; 2, 3 and 4 by default.
        backbones: Whether the backbone has seen the categories that are added; both by default.
        overrides: Additional options for every training command, such as ``--iterations=10``.
        output: Folder for all runs; data, recognizer and features of a demo may be linked into its ``seed0``.
    """
    chosen = backbones or ["seen", "unseen"]
    results = [measure(output / f"seed{seed}", seed, chosen, overrides or []) for seed in seeds or [2, 3, 4]]
    console = output_console()
    console.print(accuracy_table(results, chosen))
    console.print(seconds_table(results))
    summary = {one: {way: summarize(results, one, way) for way in WAYS} for one in chosen}
    content = {"benchmark": "add_category", "summary": summary, "results": results}
    console.print(json.dumps(content), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    words = spell_lists(arguments, {"seeds": False, "backbones": True, "overrides": True})
    auto_cli(add_category, as_positional=False, args=spell_flags(words, set()))


if __name__ == "__main__":
    run(sys.argv[1:])
