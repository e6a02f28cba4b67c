"""Whether ``aher extract`` survives being killed, and how fast it is with one and two workers.

    python benchmarks/extraction.py

Renders a few small videos, extracts their features without interruption, and then kills the command (``kill -9`` of
its process group) again and again: while it starts, decodes, writes a file, merges; alone, or while a second process
works on the same folder. After each kill the command is given again until it succeeds. The store must then equal the
uninterrupted one to the byte, with nothing left over. Prints one table; the last line is JSON.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import NamedTuple

import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.cli.main import main
from aher_lightning.console import output_console
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.rendering.benchmark import render_benchmark
from aher_lightning.rendering.plan import BenchmarkParameters

CONTEXT = multiprocessing.get_context("fork")
"""Forked, so that only this process pays for the imports."""

LONGEST_SEC = 120.0
"""A command that takes longer hangs."""

POLL_SEC = 0.0002
"""How often to look for what a kill waits for; a merge takes milliseconds."""

BLOCKS, WIDTH = (1, 1, 1, 1), 8
"""A small P3D; what is measured is the work around it."""


class Kill(NamedTuple):
    """When a command is killed.

    Attributes:
        phase: What it is doing then.
        is_due: Whether the time has come, by the folder of features and the seconds since the start.
        num_processes: Commands at work on the folder; the first one is killed.
    """

    phase: str
    is_due: Callable[[Path, float], bool]
    num_processes: int


class Outcome(NamedTuple):
    """What came of a kill.

    Attributes:
        phase: What the command was doing.
        was_alive: Whether the kill found it alive.
        left: Claims, locks, entries and half-written files that it left for others to clear away.
        is_equal: Whether the completed store equals the uninterrupted one.
        orphans: Files too many in the completed store.
    """

    phase: str
    was_alive: bool
    left: int
    is_equal: bool
    orphans: int


def render(folder: Path, videos: int) -> Path:
    """Write the videos, unless they are there."""
    parameters = BenchmarkParameters(
        untrimmed_categories=2,
        moment_categories=2,
        training_videos=videos,
        moments_per_category=2,
        validation_videos=2,
        untrimmed_validation_videos=0,
        width=64,
        height=64,
        min_duration_sec=6.0,
        max_duration_sec=9.0,
    )
    return render_benchmark(folder / "data", parameters).output


def write_weights(path: Path) -> Path:
    """Write weights in the layout of the public ones."""
    torch.manual_seed(0)
    torch.save({"state_dict": P3D(blocks=BLOCKS, width=WIDTH).state_dict()}, path)
    return path


def words(data: Path, weights: Path, output: Path, num_workers: int = 1) -> list[str]:
    """Return the command."""
    contract = {"fps": 10, "clip_length": 16, "snippet_stride": 8, "first_centre_frames": 8, "resize": 48, "crop": 48}
    return [
        "extract",
        "--data=RenderedDataModule",
        f"--data.init_args.root={data}",
        f"--data.init_args.contract={json.dumps(contract)}",
        "--data.init_args.reader=PyAVReader",
        "--backbone=P3D",
        f"--backbone.init_args.blocks={json.dumps(BLOCKS)}",
        f"--backbone.init_args.width={WIDTH}",
        f"--weights={weights}",
        f"--output={output}",
        f"--num_workers={num_workers}",
    ]


def start(arguments: Sequence[str], log: Path) -> ForkProcess:
    """Run a command in a process group of its own."""
    process = CONTEXT.Process(target=_run, args=(list(arguments), log))
    process.start()
    return process


def _run(arguments: list[str], log: Path) -> None:
    """The command, in the new process."""
    os.setsid()
    torch.set_num_threads(1)
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def finish(process: ForkProcess, log: Path) -> None:
    """Wait for a command, which must succeed."""
    process.join(LONGEST_SEC)
    if process.exitcode != 0:
        raise SystemExit(f"the command ended with {process.exitcode}:\n{log.read_text(encoding='utf-8')}")


def complete(arguments: Sequence[str], log: Path) -> float:
    """Run a command to its end; return the seconds it took."""
    started = time.perf_counter()
    finish(start(arguments, log), log)
    return time.perf_counter() - started


def kill(process: ForkProcess) -> bool:
    """Kill the process group of a command with signal 9; return whether it was alive."""
    was_alive = process.is_alive()
    if was_alive:
        try:
            os.killpg(process.pid or 0, signal.SIGKILL)
        except ProcessLookupError:  # not yet the head of a group
            process.kill()
    process.join()
    return was_alive and process.exitcode == -signal.SIGKILL


def draw_kills(count: int, seconds: float, videos: int) -> list[Kill]:
    """Draw when to kill, in turn over the phases; every third time with a second process beside."""
    generator = random.Random(0)
    return [
        Kill(*phase(number, generator.random(), seconds, generator.randrange(videos)), 2 if number % 3 == 2 else 1)
        for number in range(count)
    ]


def phase(number: int, share: float, seconds: float, least: int) -> tuple[str, Callable[[Path, float], bool]]:
    """Return a phase by its number: its name, and how to see that it is that time."""
    phases: list[tuple[str, Callable[[Path, float], bool]]] = [
        ("starting", lambda _, passed: passed > 0.2 * share * seconds),
        ("decoding", lambda _, passed: passed > (0.2 + 0.8 * share) * seconds),
        ("writing", lambda root, _: is_writing(root, least)),
        ("recording", lambda root, _: is_recording(root, least)),
        ("merging", lambda root, _: (root / "manifest.lock").exists()),
    ]
    return phases[number % len(phases)]


def is_writing(root: Path, least: int) -> bool:
    """Whether an array is being written, after so many others."""
    return has_partial(root) and len(names(root, ".npy")) >= least


def is_recording(root: Path, least: int) -> bool:
    """Whether a video is being recorded, after so many others."""
    return has_partial(root / "entries") and len(names(root / "entries", ".json")) >= least


def has_partial(folder: Path) -> bool:
    """Whether a folder has a file that is being written."""
    return bool(names(folder, ".tmp"))


def names(folder: Path, suffix: str) -> list[str]:
    """Return the names of files of a kind."""
    try:
        return [path.name for path in folder.iterdir() if path.name.endswith(suffix)]
    except FileNotFoundError:
        return []


def interrupt(kill_: Kill, arguments: Sequence[str], root: Path, log: Path) -> bool:
    """Start commands, kill the first when its time has come, let the others end; return whether it was alive."""
    started = time.perf_counter()
    first, *others = [start(arguments, log) for _ in range(kill_.num_processes)]
    while first.is_alive() and not kill_.is_due(root, time.perf_counter() - started):
        time.sleep(POLL_SEC)
    was_alive = kill(first)
    for other in others:
        finish(other, log)
    return was_alive


def contents(root: Path) -> dict[str, str]:
    """Return the checksum of every file of a store by its path."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def try_kill(kill_: Kill, arguments: Sequence[str], root: Path, expected: dict[str, str]) -> Outcome:
    """Kill, resume, compare."""
    shutil.rmtree(root, ignore_errors=True)
    log = root.with_suffix(".log")
    log.unlink(missing_ok=True)
    was_alive = interrupt(kill_, arguments, root, log)
    left = len([name for name in contents(root) if not name.endswith(".npy") and name != "manifest.json"])
    complete(arguments, log)
    found = contents(root)
    orphans = sorted(found.keys() - expected.keys())
    is_equal = {name: found.get(name) for name in expected} == expected
    if orphans or not is_equal:
        output_console().print(f"{kill_.phase}: equal {is_equal}, left over {orphans}", markup=False)
    name = kill_.phase if kill_.num_processes == 1 else f"{kill_.phase}, two processes"
    return Outcome(name, was_alive, left, is_equal, len(orphans))


def result_table(outcomes: Sequence[Outcome], seconds: dict[int, float], videos: int) -> Table:
    """Return everything that was found as a table."""
    table = Table("killed while", "kills", "alive then", "files left", "equal", "orphans", title_justify="left")
    table.title = f"{videos} videos, 1 thread; " + ", ".join(
        f"{videos / spent:.1f} videos/s with {count} worker{'s' if count > 1 else ''}"
        for count, spent in seconds.items()
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for phase in dict.fromkeys(outcome.phase for outcome in outcomes):
        rows = [outcome for outcome in outcomes if outcome.phase == phase]
        counts = (len(rows), sum(row.was_alive for row in rows), sum(row.left for row in rows))
        table.add_row(
            phase, *map(str, counts), *(str(sum(one)) for one in zip(*((r[3], r[4]) for r in rows), strict=True))
        )
    return table


def extraction(kills: int = 20, videos: int = 24, output: Path = Path("runs/extraction")) -> None:
    """Measure an uninterrupted run, kill as often as told, and print what came of it.

    Args:
        kills: How often to kill.
        videos: Untrimmed training videos to render; a few more and some moments come on top.
        output: Folder for the files; the videos are used again.
    """
    started = time.perf_counter()
    torch.set_num_threads(1)
    data = render(output, videos)
    weights = write_weights(output / "weights.pth.tar")
    # For each number of workers twice, as the first run finds no video in the cache of the system.
    seconds = {}
    for count in (1, 2, 1, 2):
        whole = output / f"whole_{count}"
        shutil.rmtree(whole, ignore_errors=True)
        seconds[count] = complete(words(data, weights, whole, count), output / "whole.log")
    expected = contents(output / "whole_1")
    is_equal = contents(output / "whole_2") == expected
    total = len(names(output / "whole_1", ".npy"))
    root = output / "killed"
    arguments = words(data, weights, root)
    outcomes = [try_kill(one, arguments, root, expected) for one in draw_kills(kills, seconds[1], total)]
    console = output_console()
    console.print(result_table(outcomes, seconds, total))
    found = {
        "benchmark": "extraction",
        "kills": len(outcomes),
        "killed_alive": sum(outcome.was_alive for outcome in outcomes),
        "equal": is_equal and all(outcome.is_equal for outcome in outcomes),
        "orphans": sum(outcome.orphans for outcome in outcomes),
        "videos_per_second": {str(count): total / spent for count, spent in seconds.items()},
        "seconds": time.perf_counter() - started,
    }
    console.print(json.dumps(found))
    if not found["equal"] or found["orphans"]:
        raise SystemExit(1)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    auto_cli(extraction, args=spell_flags(arguments, set()))


if __name__ == "__main__":
    run(sys.argv[1:])
