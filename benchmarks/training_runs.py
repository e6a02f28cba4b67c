"""Runs of ``aher`` for benchmarks: a folder each, finished once, refused where their configuration has changed."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import find_config
from aher_lightning.console import output_console
from aher_lightning.errors import DataError
from aher_lightning.files.json_files import read_json_object, write_json


class Run(NamedTuple):
    """One command.

    Attributes:
        name: Its folder.
        verb: Verb of ``aher``.
        configs: Configurations, in order.
        options: More options.
        weights: Runs whose checkpoints it starts from.
        checkpoint: Run whose checkpoint it extracts with or tests.
        data: Run that makes its data: "render" for videos, "extract" for features; ``None`` for rendering itself.
        rendered: Run that renders its videos, annotations and moments.
    """

    name: str
    verb: str
    configs: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    checkpoint: str | None = None
    data: str | None = "extract"
    rendered: str = "render"

    @property
    def uses(self) -> list[str]:
        """Earlier runs whose results it uses."""
        made = (self.data, *self.weights, self.checkpoint, self.rendered if self.verb != "render" else None)
        return list(dict.fromkeys(name for name in made if name is not None))


class Bench:
    """The runs of one seed.

    Args:
        folder: Folder for all of them.
        seed: Seed of rendering and training.
        runs: All of them, each after those that it uses.
    """

    def __init__(self, folder: Path, seed: int, runs: Sequence[Run]) -> None:
        self.folder = folder
        self.seed = seed
        self.runs = runs
        self._records: dict[str, dict[str, object]] = {}
        for run in runs:
            self._records[run.name] = self._record(run)

    def data(self, rendered: str = "render") -> Path:
        """The benchmark that a run has rendered."""
        return self.folder / rendered / "data"

    def is_finished(self, run: Run) -> bool:
        """Whether a run has ended well."""
        return self._path(run.name).is_file() and "seconds" in self.result(run.name)

    def result(self, name: str) -> dict[str, Any]:
        """What is known of a run: its record, and if it is finished, its time in seconds and the metrics of a test."""
        return read_json_object(self._path(name), DataError)

    def finish(self, run: Run, run_command: Callable[[Sequence[str]], None]) -> None:
        """Run the command, given what runs it or raises; its record is written before, time and metrics after it."""
        record, started = self._records[run.name], time.monotonic()
        write_json(self._path(run.name), record, DataError, indent=1)
        run_command(self.words(run))
        result = record | {"seconds": time.monotonic() - started}
        if run.verb == "test":
            result["metrics"] = read_json_object(self.folder / run.name / "metrics.json", DataError)
        write_json(self._path(run.name), result, DataError, indent=1)

    def outdated(self) -> Iterator[str]:
        """Yield a line for each finished or interrupted run whose result is determined by something else now."""
        for name, now in self._records.items():
            before = self.result(name) if self._path(name).is_file() else now
            changed = [key for key in now if before.get(key) != now[key]]
            if changed:
                yield f"{self.folder / name}: {_describe(changed[0], before.get(changed[0]), now[changed[0]])}"

    def words(self, run: Run) -> list[str]:
        """Return the arguments of ``aher``."""
        configs = [f"--config={name}" for name in run.configs]
        if run.verb == "render":
            return ["render", f"--output={self.data(run.name)}", f"--seed={self.seed}", *run.options]
        root, features = f"--data.root={self.data(run.rendered)}", self.folder / "extract" / "features"
        if run.verb == "extract":
            checkpoint = f"--checkpoint={self._checkpoint(run.checkpoint)}"
            return ["extract", *configs, root, checkpoint, f"--output={features}", *run.options]
        weights = json.dumps([str(self._checkpoint(name)) for name in run.weights])
        resumed = "last" if run.verb == "fit" else run.checkpoint and self._checkpoint(run.checkpoint)
        return [
            *(run.verb, *configs, f"--trainer.default_root_dir={self.folder / run.name}", "--trainer.logger=false"),
            *(f"--seed_everything={self.seed}", root, f"--model.initial_weights={weights}"),
            *([f"--data.features.root={features}"] if run.data == "extract" else []),
            *(["--trainer.limit_val_batches=0"] if run.verb == "fit" else []),
            *([f"--ckpt_path={resumed}"] if resumed else []),
            *run.options,
        ]

    def _record(self, run: Run) -> dict[str, object]:
        """What determines the result of a run; paths are those within the folder of the seed, which may be moved."""
        return {
            "command": [word.replace(f"{self.folder}/", "") for word in self.words(run)],
            "configs": {name: _digest(_read_config(name)) for name in run.configs},
            "uses": {name: _digest(self._records[name]) for name in run.uses},
        }

    def _checkpoint(self, name: str | None) -> Path:
        return self.folder / str(name) / "last.ckpt"

    def _path(self, name: str) -> Path:
        return self.folder / name / "result.json"


def run_all(benches: Mapping[int, Bench]) -> None:
    """Run what is not finished, for every seed, and report which of all runs it is.

    Raises:
        SystemExit: If a command fails, or finished or interrupted runs were started with another configuration.
    """
    changed = [line for bench in benches.values() for line in bench.outdated()]
    if changed:
        raise SystemExit("\n".join([*changed, "remove these folders to repeat their runs, or give another --output"]))
    started = time.monotonic()
    every_run = [(seed, bench, run) for seed, bench in benches.items() for run in bench.runs]
    for number, (seed, bench, run) in enumerate(every_run, 1):
        if not bench.is_finished(run):
            minutes = (time.monotonic() - started) / 60
            place = f"run {number} of {len(every_run)}, {minutes:.1f} min"
            output_console().print(f"[{place}] seed {seed}: {run.name}", markup=False)
            bench.finish(run, aher)


def aher(words: Sequence[str]) -> None:
    """Show and run one command."""
    output_console().print(f"$ aher {shlex.join(words)}", style="dim", markup=False)
    if main(list(words)) != 0:
        raise SystemExit(f"aher {words[0]} failed; fix the reported error and run the benchmark again")


def _describe(key: str, before: object, now: object) -> str:
    """Say what has changed in a record."""
    if isinstance(before, list) and isinstance(now, list):
        old, new = ([word for word in one if word not in other] for one, other in ((before, now), (now, before)))
        return f"was run with {' '.join(old) or 'fewer options'}, not {' '.join(new) or 'without it'}"
    if isinstance(before, dict) and isinstance(now, dict):
        names = ", ".join(name for name in now if before.get(name) != now[name])
        return f"was run with another {names}" if key == "configs" else f"was run on another result of {names}"
    return "was made by another version of this benchmark"


def _read_config(name: str) -> object:
    """The content of a configuration, without comments."""
    return yaml.safe_load(Path(find_config(name)).read_text(encoding="utf-8"))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
