"""How much memory localizing a video takes, and how it grows with the length of the video.

    python benchmarks/long_video.py
    python benchmarks/long_video.py --hours 1 24

Every video is a small H.264 file of the length, the packets of one minute written again and again. Each is localized by
the networks of the demo in a new process with one thread, which decodes in a child process: memory is that of both.
Prints one table; the last line is JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.cli.argument_spelling import spell_flags, spell_lists
from aher_lightning.console import output_console
from aher_lightning.inference.localizer import Localizer
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.structures import Categories
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.encoders import choose_encoder
from processes import children, memory_mib, run_apart

FPS = 25
WIDTH, HEIGHT = 160, 120
PIECE_SEC = 60
"""What is encoded, and then repeated."""

WINDOW_SEC = 60.0
"""Length of a window, as of a network that was trained on videos of a minute."""

TIME_LIMIT_SEC = 120.0
"""Videos are decoded in a child process, as `aher localize` does it."""

LONGEST_HOURS = 24.0
"""What memory is extrapolated to, unless it was measured."""


def encode_piece(path: Path) -> None:
    """Write a video of one minute: a square that moves over noise."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 80, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with av.open(str(path), "w") as sink:
        stream = sink.add_stream(choose_encoder(), rate=FPS, options={"preset": "ultrafast", "g": "50", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FPS * PIECE_SEC):
            picture = noise.copy()
            left = 2 * number % (WIDTH - 30)
            picture[40:70, left : left + 30] = (200, number % 255, 60)
            sink.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        sink.mux(stream.encode(None))


def repeat_piece(piece: Path, path: Path, times: int) -> None:
    """Write the packets of a video again and again, one after another."""
    with av.open(str(piece)) as source, av.open(str(path), "w") as sink:
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream)
        ticks = round(PIECE_SEC / float(stream.time_base or 1))
        packets = [(bytes(one), one.pts, one.dts, one.is_keyframe) for one in source.demux(stream) if one.size]
        for number in range(times):
            for content, pts, dts, is_keyframe in packets:
                packet = av.Packet(content)
                packet.pts, packet.dts = (pts or 0) + number * ticks, (dts or 0) + number * ticks
                packet.time_base, packet.is_keyframe, packet.stream = stream.time_base, is_keyframe, copy
                sink.mux(packet)


def make_localizer() -> Localizer:
    """Return untrained networks of the size that the demo has."""
    module = LocalizerModule(
        Categories([f"untrimmed{i}" for i in range(8)], [f"moment{i}" for i in range(8)]),
        backbone=P3DSmall(),
        network=partial(AherNet, length=128, stem_channels=(128, 128), level_channels=(128,) * 6),
    )
    module.contract = TemporalContract(fps=10.0, snippet_stride=8, resize=48, crop=48)
    return Localizer(module, window_sec=WINDOW_SEC, time_limit_sec=TIME_LIMIT_SEC, device="cpu")


def measure(path: Path) -> dict[str, float]:
    """Localize a video; meant for a new process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    started = time.perf_counter()
    localizer = make_localizer()
    found = localizer.localize(path)
    seconds = time.perf_counter() - started
    # Peaks of different moments: what both have together is no more.
    peak_mib = sum(memory_mib("VmHWM", process) for process in ("self", *children()))
    localizer.frames.close()
    return {
        "hours": found.duration_sec / 3600,
        "detections": len(found.detections.scores),
        "seconds": seconds,
        "peak_mib": peak_mib,
    }


def measure_apart(path: Path) -> dict[str, float]:
    """Measure in a process of its own."""
    return run_apart(__file__, path)


def growth(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return by how much memory grows per hour, from the second length to the last, and what a day would take.

    The first length is left out where there are more than two: what is set up once weighs most there.
    """
    first, last = rows[1 if len(rows) > 2 else 0], rows[-1]
    hours = last["hours"] - first["hours"]
    slope = (last["peak_mib"] - first["peak_mib"]) / hours if hours > 0 else 0.0
    longest = last["peak_mib"] + max(slope, 0.0) * max(LONGEST_HOURS - last["hours"], 0.0)
    return {"mib_per_hour": slope, "mib_at_24_hours": longest}


def result_table(rows: Sequence[Mapping[str, float]]) -> Table:
    """Return everything that was measured as a table."""
    table = Table(title=f"videos of {WIDTH} x {HEIGHT}, windows of {WINDOW_SEC:.0f} s, 1 thread", title_justify="left")
    for column in ("length", "peak memory", "time", "of real time", "detections"):
        table.add_column(column, justify="right")
    for row in rows:
        speed = f"{3600 * row['hours'] / row['seconds']:.0f}x"
        cells = [f"{60 * row['hours']:.0f} min", f"{row['peak_mib']:.0f} MiB", f"{row['seconds']:.0f} s", speed]
        table.add_row(*cells, str(row["detections"]))
    return table


def long_video(hours: list[float] | None = None) -> None:
    """Localize videos of some lengths, and print what that took.

    Args:
        hours: Lengths of the videos; ten minutes, one hour and two hours if not given.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        piece = Path(folder, "piece.mp4")
        encode_piece(piece)
        for length in sorted(hours or [1 / 6, 1.0, 2.0]):
            path = Path(folder, "video.mp4")
            repeat_piece(piece, path, max(round(3600 * length / PIECE_SEC), 1))
            rows.append(measure_apart(path))
    console, grown = output_console(), growth(rows)
    console.print(result_table(rows))
    slope, longest = grown["mib_per_hour"], grown["mib_at_24_hours"]
    console.print(f"{slope:.1f} MiB more per hour; {longest:.0f} MiB for {LONGEST_HOURS:.0f} hours")
    console.print(json.dumps({"benchmark": "long_video", **grown, "videos": rows}), markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark as the words of a command line ask for."""
    if list(arguments[:1]) == ["measure"]:
        output_console().print(json.dumps(measure(Path(arguments[1]))), markup=False)
        return
    auto_cli(long_video, as_positional=False, args=spell_flags(spell_lists(arguments, {"hours": False}), set()))


if __name__ == "__main__":
    run(sys.argv[1:])
