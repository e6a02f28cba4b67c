"""Speed of the bottlenecks of training and localizing: suppression, the backbone, many categories.

    python benchmarks/speed.py
    python benchmarks/speed.py --quick

One thread. Each part is measured in a separate process and against a baseline: suppression against the usual loop over
videos, P3D-199 against the same network composed of plain layers, an iteration with many categories against one with
few. Prints one table; the last line is JSON.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt
import torch
from jsonargparse import auto_cli
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.console import output_console
from aher_lightning.models.backbones import p3d, p3d_blocks
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.ops.nms import batched_nms
from aher_lightning.ops.soft_nms import batched_soft_nms, gaussian_decay
from processes import run_apart
from training_loop import Repeated, Stopwatch, make_batch, make_module, train

WARM_UP = 2
"""Runs that are not timed."""


class Case(NamedTuple):
    """Sizes of the measurements."""

    videos: int
    candidates: tuple[int, ...]
    clip_size: int
    depth: int
    categories: tuple[int, int]
    length: int
    runs: int


LARGE = Case(64, (765, 5000), 112, 199, (200, 10_000), 256, 5)
QUICK = Case(4, (100,), 32, 63, (5, 50), 64, 2)
CLIPS = 4
TIOUS = (0.5, 0.9)
SIGMA, KEPT = 0.3, 100


def seconds_of(function: Callable[[], object], runs: int) -> float:
    """Return the median time of a function."""
    taken = []
    for _ in range(WARM_UP + runs):
        started = time.perf_counter()
        function()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[WARM_UP:])


def measure_nms(case: Case) -> dict[str, float]:
    """Return the milliseconds per video, for a batch and for the usual loop."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for count in case.candidates:
        segments = torch.rand(case.videos, count, 2, generator=generator).sort(dim=-1).values
        scores = torch.rand(case.videos, count, generator=generator)
        for tiou in TIOUS:
            kept = batched_nms(segments, scores, tiou)
            plain = [plain_nms(one.numpy(), row.numpy(), tiou) for one, row in zip(segments, scores, strict=True)]
            assert [row[row >= 0].tolist() for row in kept] == plain, "the two disagree"
            ours = seconds_of(lambda: batched_nms(segments, scores, tiou), case.runs)  # noqa: B023 - called at once
            loops = seconds_of(lambda: plain_nms(segments[0].numpy(), scores[0].numpy(), tiou), case.runs)  # noqa: B023
            found[f"nms_{count}_{tiou}_ms"] = 1000 * ours / case.videos
            found[f"nms_{count}_{tiou}_plain_ms"] = 1000 * loops
    return found


def measure_soft_nms(case: Case) -> dict[str, float]:
    """Return the milliseconds per video of soft-NMS, and of the usual loop over all candidates."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for count in case.candidates:
        segments = torch.rand(case.videos, count, 2, generator=generator).sort(dim=-1).values
        scores = torch.rand(case.videos, count, generator=generator)
        one, row = segments[0].numpy(), scores[0].numpy()
        ours = seconds_of(lambda: batched_soft_nms(segments, scores, gaussian_decay(SIGMA), max_keep=KEPT), case.runs)  # noqa: B023
        loops = seconds_of(lambda: plain_soft_nms(one, row), case.runs)  # noqa: B023 - called at once
        kept = batched_soft_nms(segments[:1], scores[:1], gaussian_decay(SIGMA), max_keep=KEPT)
        assert kept.indices[0].tolist() == plain_soft_nms(one, row), "the two disagree"
        found[f"soft_{count}_ms"], found[f"soft_{count}_plain_ms"] = 1000 * ours / case.videos, 1000 * loops
    return found


def plain_soft_nms(segments: npt.NDArray[np.float32], scores: npt.NDArray[np.float32]) -> list[int]:
    """Return the result of soft-NMS for one video: keep the best, lower what overlaps it, repeat."""
    scores, kept = scores.copy(), []
    lengths = segments[:, 1] - segments[:, 0]
    for _ in range(min(KEPT, len(scores))):
        best = int(scores.argmax())
        kept.append(best)
        starts = np.maximum(segments[best, 0], segments[:, 0])
        shared = np.maximum(np.minimum(segments[best, 1], segments[:, 1]) - starts, 0)
        scores = scores * np.exp(-np.square(shared / (lengths[best] + lengths - shared)) / np.float32(SIGMA))
        scores[kept] = -1
    return kept


def plain_nms(segments: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], tiou: float) -> list[int]:
    """Return the result of greedy suppression for one video: keep the best, drop what overlaps it, repeat."""
    order = np.argsort(-scores, kind="stable")
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        starts = np.maximum(segments[best, 0], segments[rest, 0])
        shared = np.maximum(np.minimum(segments[best, 1], segments[rest, 1]) - starts, 0)
        lengths = segments[rest, 1] - segments[rest, 0]
        union = segments[best, 1] - segments[best, 0] + lengths - shared
        order = rest[shared <= np.float32(tiou) * union]
    return kept


def measure_backbone(case: Case) -> dict[str, float]:
    """Return the clips per second of a P3D, and of the same network composed of plain layers."""
    torch.manual_seed(0)
    clips = torch.rand(CLIPS, 3, 16, case.clip_size, case.clip_size)
    network = P3D(case.depth).eval()
    plain = P3D(case.depth, channels_last=False).eval()
    plain.load_state_dict(network.state_dict())
    with torch.inference_mode():
        ours = seconds_of(lambda: network(clips), case.runs)
        expected = network(clips)
        with plain_layers():
            theirs = seconds_of(lambda: plain(clips), case.runs)
            difference = float((plain(clips) - expected).abs().max() / expected.abs().max())
    return {"p3d": CLIPS / ours, "p3d_plain": CLIPS / theirs, "p3d_difference": difference}


@contextmanager
def plain_layers() -> Iterator[None]:
    """Compute convolutions, norms and pools as their layers do, one after another."""

    def convolve(features: Tensor, convolution: nn.Module, norm: nn.Module) -> Tensor:
        normalized: Tensor = norm(convolution(features))
        return normalized

    def halve_time(features: Tensor) -> Tensor:
        return functional.max_pool3d(features, (2, 1, 1), (2, 1, 1))

    with (
        mock.patch.object(p3d_blocks, "convolve", convolve),
        mock.patch.object(p3d, "convolve", convolve),
        mock.patch.object(p3d, "halve_time", halve_time),
    ):
        yield


def measure_categories(case: Case) -> dict[str, float]:
    """Return the seconds of a training iteration with few and with many categories."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    found = {}
    for name, count in zip(("few", "many"), case.categories, strict=True):
        stopwatch = Stopwatch()
        module = make_module(case.length, 128, num_categories=count)
        train(module, Repeated(make_batch(case.length), WARM_UP + case.runs), [stopwatch])
        found[f"iteration_{name}"] = statistics.median(stopwatch.seconds[WARM_UP:])
    return found


PARTS: Mapping[str, Callable[[Case], dict[str, float]]] = {
    "nms": measure_nms,
    "soft": measure_soft_nms,
    "backbone": measure_backbone,
    "categories": measure_categories,
}


def result_table(case: Case, found: Mapping[str, float]) -> Table:
    """Return the measurements as a table."""
    table = Table("part", title="1 thread", title_justify="left")
    for column in ("this package", "compared with", "ratio"):
        table.add_column(column, justify="right")
    for count in case.candidates:
        for tiou in TIOUS:
            ours, plain = found[f"nms_{count}_{tiou}_ms"], found[f"nms_{count}_{tiou}_plain_ms"]
            name = f"suppression, {count} candidates, tIoU {tiou}"
            table.add_row(name, f"{ours:.2f} ms per video", f"{plain:.2f} ms", f"{plain / ours:.1f}x")
    for count in case.candidates:
        ours, plain = found[f"soft_{count}_ms"], found[f"soft_{count}_plain_ms"]
        name = f"soft suppression, {KEPT} of {count} candidates"
        table.add_row(name, f"{ours:.2f} ms per video", f"{plain:.2f} ms", f"{plain / ours:.1f}x")
    ours, plain = found["p3d"], found["p3d_plain"]
    name = f"P3D-{case.depth}, {CLIPS} clips"
    table.add_row(name, f"{ours:.2f} clips/s", f"{plain:.2f} clips/s", f"{ours / plain:.2f}x")
    few, many = found["iteration_few"], found["iteration_many"]
    name = f"iteration, {case.categories[1]:,} categories against {case.categories[0]}"
    table.add_row(name, f"{many:.2f} s", f"{few:.2f} s", f"{many / few:.2f}x")
    return table


def speed(quick: bool = False) -> None:
    """Measure every part, and print its speed.

    Args:
        quick: Small sizes.
    """
    case = QUICK if quick else LARGE
    found: dict[str, float] = {}
    for part in PARTS:
        found |= run_apart(__file__, part, int(quick))
    console = output_console()
    console.print(result_table(case, found))
    ratios = {
        "p3d_ratio": found["p3d"] / found["p3d_plain"],
        "categories_ratio": found["iteration_many"] / found["iteration_few"],
    }
    console.print(json.dumps({"benchmark": "speed", "quick": quick, **ratios, **found}), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    if list(arguments[:1]) == ["measure"]:
        part, quick = arguments[1:]
        torch.set_num_threads(1)
        output_console().print(json.dumps(PARTS[part](QUICK if int(quick) else LARGE)), markup=False)
        return
    auto_cli(speed, as_positional=False, args=spell_flags(arguments, {"quick"}))


if __name__ == "__main__":
    run(sys.argv[1:])
