"""Compare a run that is killed repeatedly with one that is not.

    python benchmarks/resume.py --kills 20

Trains all phases of AherNet on random features by ``aher fit``, a checkpoint every few iterations: once without
interruption, once killed by SIGKILL at random times and restarted with the same command, ``--ckpt_path last``. Every
second kill waits until a checkpoint is being written. Once, the newest checkpoint is truncated. The last line is JSON;
``identical`` says whether all weights and all states of optimizers and schedules are bit-identical.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from jsonargparse import auto_cli
from torch import Tensor

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.checkpoints.last import LAST, PREVIOUS
from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.cli.main import main
from aher_lightning.console import output_console
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.clips import count_clips
from aher_lightning.video.contract import TemporalContract

CHANNELS = 32
"""Channels of the random features."""

EVERY_N_ITERATIONS = 3
"""Iterations between checkpoints; not a divisor of the number of iterations."""

PATIENCE_SEC = 120.0
"""Time limit for a process to start an iteration, or to write a checkpoint."""

POLL_SEC = 0.0005


class Kill(NamedTuple):
    """Outcome of one process.

    Attributes:
        iteration: Iteration of its newest checkpoint when it was killed.
        within_writing: Whether it was killed while it wrote a checkpoint.
    """

    iteration: int
    within_writing: bool


def make_data(root: Path, seed: int) -> None:
    """Render a few small videos, and write random features for all of them."""
    sizes = {"videos": 8, "untrimmed-categories": 2, "moment-categories": 3, "moments-per-category": 4}
    words = [f"--{name}={size}" for name, size in {**sizes, "validation-videos": 3}.items()]
    if main(["render", f"--output={root / 'data'}", f"--seed={seed}", "--untrimmed-validation-videos=0", *words]) != 0:
        raise SystemExit("aher render failed")
    contract = TemporalContract(fps=10.0, snippet_stride=8, resize=48, crop=48)
    data = RenderedDataModule(root=root / "data", contract=contract)
    store = NpyFeatureStore.create(root / "features", contract)
    generator = torch.Generator().manual_seed(seed)
    folder = data.video_folder()
    for video_id in folder.video_ids:
        duration_sec = folder.duration_sec(video_id)
        count = count_clips(duration_sec, contract)
        store.write(video_id, torch.randn(count, CHANNELS, generator=generator), duration_sec)
    store.finalize()


def write_config(root: Path, iterations: int, seed: int) -> Path:
    """Write the configuration of both runs."""
    pyramid = {"class_path": "TemporalPyramid", "init_args": {"stem_channels": [32, 32], "level_channels": [32] * 4}}
    content = {
        "seed_everything": seed,
        "iterations": iterations,
        "trainer": {"accelerator": "cpu", "devices": 1, "logger": False, "limit_val_batches": 0, "deterministic": True},
        "checkpoint": {"every_n_iterations": EVERY_N_ITERATIONS},
        "model": {
            "class_path": "AherModule",
            "init_args": {
                "backbone": {"class_path": "P3DSmall", "init_args": {"stage_channels": [8, 16, CHANNELS]}},
                "network": {"class_path": "AherNet", "init_args": {"length": 64, "pyramid": pyramid}},
                "scheduler": {"class_path": "CosineAnnealingLR", "init_args": {"T_max": iterations}},
            },
        },
        "data": {
            "class_path": "RenderedDataModule",
            "init_args": {
                "root": str(root / "data"),
                "features": {"class_path": "NpyFeatureStore", "init_args": {"root": str(root / "features")}},
                "contract": {"fps": 10, "snippet_stride": 8, "resize": 48, "crop": 48},
                "batch_size": 4,
            },
        },
    }
    path = root / "resume.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def start(config: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start or resume a run in a folder."""
    program = [sys.executable, "-W", "ignore", "-c", "from aher_lightning.cli.main import console_main; console_main()"]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [*program, "fit", f"--config={config}", f"--trainer.default_root_dir={folder}", "--ckpt_path=last"],
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def is_writing(folder: Path) -> bool:
    """Whether a checkpoint is being written right now."""
    return any(folder.glob(".*.tmp"))


def newest(folder: Path) -> tuple[int, ...]:
    """Modification times of the checkpoints of a run."""
    times = []
    for path in sorted(folder.glob("*.ckpt")):
        with suppress(FileNotFoundError):  # renamed meanwhile
            times.append(path.stat().st_mtime_ns)
    return tuple(times)


def wait_for(condition: Any, process: subprocess.Popen[bytes]) -> bool:  # noqa: ANN401 - a function without arguments
    """Wait for a condition; false if the process ends or the time limit is reached."""
    deadline = time.monotonic() + PATIENCE_SEC
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return True
        time.sleep(POLL_SEC)
    return False


def kill_somewhere(process: subprocess.Popen[bytes], folder: Path, delay_sec: float, *, aimed: bool) -> Kill | None:
    """Kill a process after it has started to write checkpoints; none if it ended before."""
    before = newest(folder)
    if not wait_for(lambda: newest(folder) != before, process):
        return None
    time.sleep(delay_sec)
    if aimed and not wait_for(lambda: is_writing(folder), process):
        return None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return Kill(last_iteration(folder), is_writing(folder))


def last_iteration(folder: Path) -> int:
    """Iteration of the newest checkpoint of a run; 0 if there is none."""
    names = [name for name in (LAST, PREVIOUS) if (folder / name).is_file()]
    return int(read_checkpoint(folder / names[0])[STATE_KEY]["iteration"]) if names else 0


def cut_short(path: Path) -> None:
    """Damage a checkpoint, as a full disk would."""
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def run_with_kills(config: Path, folder: Path, kills: int, chance: random.Random) -> list[Kill]:
    """Kill a run the given number of times, then let it finish."""
    done: list[Kill] = []
    is_cut = False
    while len(done) < kills:
        killed = kill_somewhere(start(config, folder), folder, chance.uniform(0.0, 0.3), aimed=len(done) % 2 == 1)
        if killed is None:
            raise SystemExit(f"the run ended after {len(done)} kills: give more --iterations; see {folder / 'log.txt'}")
        done.append(killed)
        if not is_cut and len(done) >= kills // 2 and all((folder / name).is_file() for name in (LAST, PREVIOUS)):
            cut_short(folder / LAST)
            is_cut = True
    if start(config, folder).wait() != 0:
        raise SystemExit(f"the run failed; see {folder / 'log.txt'}")
    return done


def are_equal(one: object, other: object) -> bool:
    """Whether two parts of checkpoints are bit-identical."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(are_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(are_equal, one, other))
    return one == other


def resume(kills: int = 20, iterations: int = 400, seed: int = 0, output: Path = Path("runs/resume")) -> None:
    """Train twice, with and without kills, and compare.

    Args:
        kills: Number of kills of the second run.
        iterations: Iterations of both; enough for all kills.
        seed: Seed of data, training and times of the kills.
        output: Folder for all files; must be empty or missing.
    """
    if output.exists() and any(output.iterdir()):
        raise SystemExit(f"{output}: is not empty; name another folder")
    started = time.monotonic()
    make_data(output, seed)
    config = write_config(output, iterations, seed)
    if start(config, output / "whole").wait() != 0:
        raise SystemExit(f"the run failed; see {output / 'whole' / 'log.txt'}")
    done = run_with_kills(config, output / "killed", kills, random.Random(seed))
    whole, killed = (read_checkpoint(output / name / LAST) for name in ("whole", "killed"))
    parts = {name: are_equal(whole[name], killed[name]) for name in ("state_dict", "optimizer_states", "lr_schedulers")}
    console = output_console()
    for number, one in enumerate(done, start=1):
        place = "while a checkpoint was written" if one.within_writing else "between checkpoints"
        console.print(f"kill {number}: {place}, newest checkpoint at iteration {one.iteration}")
    summary = {
        "benchmark": "resume",
        "kills": len(done),
        "within_writing": sum(one.within_writing for one in done),
        "passed_over": (output / "killed" / "log.txt").read_text(encoding="utf-8").count("passed over:"),
        "iterations": iterations,
        "seconds": round(time.monotonic() - started, 1),
        **parts,
        "identical": all(parts.values()),
    }
    console.print(json.dumps(summary), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    auto_cli(resume, as_positional=False, args=spell_flags(arguments, set()))


if __name__ == "__main__":
    run(sys.argv[1:])
