"""``aher demo``: from video files to localized actions, with the public commands alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.category_lists import read_categories
from aher_lightning.annotations.video_selection import restrict
from aher_lightning.console import output_console
from aher_lightning.errors import ConfigError

METRICS = ("mAP@0.50", "mAP@0.75", "mAP@0.95", "mAP", "AUC")
"""Metrics in the summary."""


class Step(NamedTuple):
    """One step of the demo: its title, and the arguments of the ``aher`` command."""

    title: str
    arguments: list[str]


_SYSTEMS = {"random segments x classifier": "random", "stage 0 x classifier": "baseline", "AherNet": "aher"}
"""Name of each system in the comparison, and folder of its test run, below the output folder."""


def demo_steps(output: Path, seed: int, overrides: Sequence[str] = ()) -> list[Step]:
    """Return the commands of the demo, in order; overrides are options for every training command."""
    data, features = output / "data", output / "features"
    recognition, stage0, aher = (output / name / "last.ckpt" for name in ("recognition", "stage0", "aher"))

    def run(command: str, config: str, folder: str, weights: Sequence[Path], *options: str) -> list[str]:
        files = [str(path) for path in weights]
        return [
            *(command, "--config", "demo.yaml", *(("--config", config) if config else ())),
            *(f"--trainer.default_root_dir={output / folder}", f"--data.root={data}", f"--seed_everything={seed}"),
            *([f"--trainer.logger.save_dir={output / folder}"] if command == "fit" else ["--trainer.logger=false"]),
            *([f"--model.initial_weights={json.dumps(files)}"] if files else []),
            *options,
        ]

    cached, baseline = f"--data.features.root={features}", "variants/ahernet_minus.yaml"
    return [
        Step(
            "Render videos and annotations",
            ["render", f"--output={data}", f"--seed={seed}", "--untrimmed-validation-videos=0"],
        ),
        Step(
            "Learn to recognize actions from trimmed clips",
            run("fit", "demo_recognition.yaml", "recognition", (), *overrides),
        ),
        Step(
            "Extract features once",
            [
                *("extract", "--config=demo_extract.yaml", f"--data.root={data}"),
                *(f"--checkpoint={recognition}", f"--output={features}"),
            ],
        ),
        Step(
            "Stage 0: localize the annotated categories",
            run("fit", "demo_stage0.yaml", "stage0", (recognition,), cached, *overrides),
        ),
        Step("AherNet: localize from moments", run("fit", "", "aher", (stage0,), cached, *overrides)),
        Step("Test AherNet", run("test", "", "aher", (stage0,), cached, f"--ckpt_path={aher}")),
        Step(
            "Test the baseline: stage-0 proposals x moment classifier",
            run("test", baseline, "baseline", (recognition, stage0), cached),
        ),
        Step(
            "Test chance: random proposals x moment classifier",
            run("test", baseline, "random", (recognition, stage0), cached, "--model.proposals=random"),
        ),
    ]


def demo(output: Path = Path("runs/demo"), seed: int = 0, overrides: Sequence[str] = ()) -> None:
    """Render a benchmark, train on it, evaluate, and localize the actions of one unseen video.

    Args:
        output: Folder for everything that is written.
        seed: Seed of rendering and training.
        overrides: More options for every training command, such as ``--iterations=10``.

    Raises:
        ConfigError: If a step fails, after its own message.
    """
    from aher_lightning.cli.main import main

    for step in demo_steps(output, seed, overrides):
        _run(step, main)
    video = held_out_video(output / "data")
    localize = ["localize", str(video), f"--checkpoint={output / 'aher' / 'last.ckpt'}", "--formats=json,html"]
    localize += [f"--ground-truth={output / 'data' / 'annotations.json'}", f"--output={output / 'localized'}"]
    _run(Step("Localize an unseen video", [*localize, "--overwrite"]), main)
    show_results(output, video)


def held_out_video(data: Path) -> Path:
    """Return the first validation video of a moment category; no training step has seen it."""
    categories = read_categories(data / "split.json", "moment")
    videos = restrict(read_activitynet(data / "annotations.json"), subset="validation", categories=categories)
    return data / "videos" / f"{next(iter(videos))}.mp4"


def show_results(output: Path, video: Path) -> None:
    """Print the comparison, and the paths of the results."""
    table = Table(title="Categories that had no temporal annotation, %", title_justify="left")
    table.add_column("system")
    for name in METRICS:
        table.add_column(name, justify="right")
    for title, folder in _SYSTEMS.items():
        values = json.loads((output / folder / "metrics.json").read_text(encoding="utf-8"))
        table.add_row(title, *(f"{100 * values[f'test/{name}']:.1f}" for name in METRICS))
    console = output_console()
    console.print(table)
    for title, path in (
        ("checkpoint", output / "aher" / "last.ckpt"),
        ("predictions", output / "aher" / "predictions.json"),
        ("figure", output / "aher" / "curves.png"),
        ("page", output / "localized" / f"{video.stem}.html"),
    ):
        console.print(f"{title + ':':<13}{path}", markup=False)


def _run(step: Step, run_command: Callable[[Sequence[str]], int]) -> None:
    """Show and run one command, given what runs it and returns its exit code."""
    console = output_console()
    console.print(f"\n[bold]{step.title}[/]")
    console.print(f"$ aher {shlex.join(step.arguments)}", style="dim", markup=False)
    if run_command(step.arguments) != 0:
        raise ConfigError(f"the step '{step.title}' failed; fix the reported problem and run the demo again")
