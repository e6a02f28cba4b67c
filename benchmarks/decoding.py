"""Decoding speed: readers against their libraries, seeking against scanning, one reader against another.

    python benchmarks/decoding.py
    python benchmarks/decoding.py --videos my_videos

Writes three videos with different key-frame intervals, or takes the longest ones of a folder. All measurements are
interleaved, on one core, in seconds of processor time, which is robust against other load; medians are reported.
Prints three tables; the last line is JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import auto_cli
from rich.table import Table

from aher_lightning.cli.argument_spelling import spell_flags
from aher_lightning.console import output_console
from aher_lightning.errors import AherError
from aher_lightning.video import DecordReader, PyAVReader, TorchCodecReader, probing
from aher_lightning.video.clips import frame_times, iter_fitted_frames
from aher_lightning.video.contract import TemporalContract
from aher_lightning.video.reader import Image, VideoReader
from processes import memory_mib, run_apart

READERS: dict[str, Callable[[], VideoReader]] = {
    "PyAV": PyAVReader,
    "decord": DecordReader,
    "torchcodec": TorchCodecReader,
}

KEY_DISTANCES = (12, 50, 250)
"""Key-frame intervals of the written videos, in frames."""

CLIPS, CLIP_LENGTH = 32, 16
"""Number of clips in sparse sampling."""

PLACES = ("even", "random")
"""Placement of these clips."""

MOST_VIDEOS = 6
"""Number of videos taken from a folder."""

RUNS = 5
"""Timed runs of each measurement; each rebuilds the packet index."""

LEAST_SHARE = 0.9
"""Targets for reader and pipeline, as a fraction of the plain library's frames per second."""

MOST_SLOWER = 1.1
"""Target for the slowdown of a reader against the better of always seeking and always scanning."""


def write_video(path: Path, key_distance: int, num_frames: int) -> None:
    """Write a video of a moving texture with a moving square, unless it exists."""
    import av

    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    wide = torch.nn.functional.interpolate(noise, size=(440, 520), mode="bicubic")[0].clamp(0, 1)
    texture = (255 * wide).byte().permute(1, 2, 0).numpy()
    unfinished = path.with_name(f"unfinished_{path.name}")
    with av.open(str(unfinished), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.gop_size, stream.codec_context.thread_count = key_distance, 1
        stream.options = {"preset": "veryfast", "sc_threshold": "0"}
        for number in range(num_frames):
            left, top = (int(100 + 99 * turn(number / slow)) for turn, slow in ((np.sin, 40), (np.cos, 31)))
            image = texture[top : top + 240, left : left + 320].copy()
            column = 3 * number % 280
            image[100:140, column : column + 40] = 255 - image[100:140, column : column + 40]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    unfinished.rename(path)


def count_frames(path: Path) -> int:
    """Return the number of frames of a video; 0 if it cannot be read."""
    try:
        return probing.index_frames(path).info.frame_count
    except AherError:
        return 0


def longest_videos(folder: Path) -> list[Path]:
    """Return the videos of a folder with the most frames."""
    counts = {path: count_frames(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    videos = [path for path, count in counts.items() if count >= CLIP_LENGTH]
    if not videos:
        raise SystemExit(
            f"{folder}: holds no video of {CLIP_LENGTH} frames that can be read; give a folder with videos"
        )
    return sorted(videos, key=lambda path: -counts[path])[:MOST_VIDEOS]


@contextmanager
def one_core() -> Iterator[None]:
    """Run on one core, so that readers gain nothing from decoding in the background."""
    cores = os.sched_getaffinity(0)
    threads = torch.get_num_threads()
    os.sched_setaffinity(0, {max(cores)})
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)


def medians(functions: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Call functions in turn and return the median time of each, in seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(runs):
        for name, function in functions.items():
            probing._index_frames.cache_clear()
            started = time.process_time()
            function()
            seconds[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


def plain_pyav(path: Path) -> int:
    """Decode all frames with PyAV as its documentation does, in one thread."""
    with probing.open_video(path) as (container, stream):
        count = 0
        for frame in container.decode(stream):
            image = frame.to_ndarray(format="rgb24", threads=1)
            count += len(image) > 0
    return count


def plain_decord(path: Path) -> int:
    """Decode all frames with decord as its documentation does, in one thread."""
    import decord

    video = decord.VideoReader(str(path), num_threads=1)
    return sum(len(video[number].asnumpy()) > 0 for number in range(len(video)))


PLAIN = {"PyAV": plain_pyav, "decord": plain_decord}
"""Readers compared with their library."""


def every_frame(reader: VideoReader, path: Path) -> TemporalContract:
    """Return a contract that takes each frame once, without resizing."""
    info = reader.probe(path)
    side = min(info.width, info.height)
    return TemporalContract(info.average_fps, 1, 1, 0.5, side, side)


def read_all(reader: VideoReader, path: Path) -> int:
    """Read every frame of a video."""
    times = frame_times(reader.probe(path).duration_sec, every_frame(reader, path))
    return sum(len(image) > 0 for image in reader.iter_frames(path, times.tolist()))


def run_pipeline(reader: VideoReader, path: Path) -> int:
    """Prepare every frame of a video for a clip, as extraction does, without resizing."""
    contract = every_frame(reader, path)
    times = frame_times(reader.probe(path).duration_sec, contract)
    return sum(len(frame) > 0 for frame in iter_fitted_frames(reader, path, contract, times.tolist()))


def sparse_starts(count: int, places: str) -> list[int]:
    """Return the first frames of clips that do not overlap."""
    slots = count // CLIP_LENGTH
    clips = min(CLIPS, slots)
    if places == "even":
        return [int(start) for start in np.linspace(0, count - CLIP_LENGTH, clips)]
    chosen = np.random.default_rng(0).choice(slots, clips, replace=False)
    return [CLIP_LENGTH * int(slot) for slot in np.sort(chosen)]


def read_clips(reader: VideoReader, path: Path, starts: Sequence[int]) -> list[Image]:
    """Read clips by a reader; only the last picture of each is kept."""
    index = probing.index_frames(path)
    numbers = np.add.outer(starts, np.arange(CLIP_LENGTH)).ravel()
    images = reader.iter_frames(path, index.times_sec[numbers].tolist())
    return [image for position, image in enumerate(images) if position % CLIP_LENGTH == CLIP_LENGTH - 1]


def read_clips_plainly(path: Path, starts: Sequence[int], always_seek: bool) -> list[Image]:
    """Read the same with PyAV only, seeking before each clip or never."""
    from av.video.reformatter import VideoReformatter

    index, reformatter, lasts = probing.index_frames(path), VideoReformatter(), []
    with probing.open_video(path) as (container, stream):
        unit = float(stream.time_base or 1)
        frames = container.decode(stream)
        for start in starts:
            stamps = (
                np.rint((index.times_sec[start : start + CLIP_LENGTH] + index.start_sec) / unit).astype(int).tolist()
            )
            if always_seek:
                container.seek(stamps[0], stream=stream, backward=True)
                frames = container.decode(stream)
            for frame in frames:
                if frame.pts is not None and frame.pts >= stamps[0]:
                    image = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
                    if frame.pts >= stamps[-1]:
                        break
            lasts.append(np.asarray(image, dtype=np.uint8))
    return lasts


def find_fault(reader: VideoReader, paths: Sequence[Path]) -> str:
    """Return why a reader is unavailable or cannot read one of the videos; empty if it can."""
    try:
        for path in paths:
            next(iter(reader.iter_frames(path, [0.0])))
    except AherError as failure:
        return str(failure)
    return ""


def available_readers(paths: Sequence[Path]) -> dict[str, VideoReader]:
    """Return the available readers that can read all the videos."""
    readers: dict[str, VideoReader] = {}
    for name, make in READERS.items():
        reader = make()
        if fault := find_fault(reader, paths):
            output_console().print(f"without {name}: {fault}", soft_wrap=True, markup=False)
        else:
            readers[name] = reader
    return readers


def measure_sequential(path: Path, readers: Mapping[str, VideoReader], runs: int) -> dict[str, float]:
    """Return frames per second of plain libraries, of readers, and of readers with the rest of the pipeline."""
    functions: dict[str, Callable[[], object]] = {}
    for name, reader in readers.items():
        if name in PLAIN:
            functions[f"plain {name}"] = lambda plain=PLAIN[name]: plain(path)  # type: ignore[misc]
            functions[f"pipeline {name}"] = lambda reader=reader: run_pipeline(reader, path)  # type: ignore[misc]
        functions[name] = lambda reader=reader: read_all(reader, path)  # type: ignore[misc]
    count = probing.index_frames(path).info.frame_count
    return {name: count / seconds for name, seconds in medians(functions, runs).items()}


def measure_sparse(path: Path, readers: Mapping[str, VideoReader], places: str, runs: int) -> dict[str, float]:
    """Return the milliseconds for all clips: readers, and PyAV always seeking or always scanning."""
    starts = sparse_starts(probing.index_frames(path).info.frame_count, places)
    functions: dict[str, Callable[[], list[Image]]] = {
        "seek": lambda: read_clips_plainly(path, starts, always_seek=True),
        "scan": lambda: read_clips_plainly(path, starts, always_seek=False),
    }
    for name, reader in readers.items():
        functions[name] = lambda reader=reader: read_clips(reader, path, starts)  # type: ignore[misc]
    expected = functions["scan"]()
    for name, function in functions.items():
        if not all(map(np.array_equal, expected, function())):
            raise SystemExit(f"{path}: {name} gives other pictures than reading on: the package has an error")
    return {name: 1000 * seconds for name, seconds in medians(functions, runs).items()}


def added_memory(name: str, path: Path) -> float:
    """Return the memory that reading a video adds to this process; to be run in a new process."""
    reader = READERS[name]()
    next(iter(reader.iter_frames(path, [0.0])))  # loads the libraries
    before = memory_mib("VmRSS")
    read_all(reader, path)
    return memory_mib("VmHWM") - before


def measure_memory(name: str, path: Path) -> float:
    """Return the memory that a reader takes, measured in a new process."""
    return run_apart(__file__, name, path)["added_mib"]


def sequential_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the speeds of sequential reading as a table."""
    table = Table("video", title="every frame, frames per second (ratio to the library)", title_justify="left")
    for name in rows[0]["speeds"]:
        table.add_column(name, justify="right")
    for row in rows:
        shares = {name: f" ({share:.2f})" for name, share in row["shares"].items()}
        table.add_row(row["video"], *(f"{speed:.0f}{shares.get(name, '')}" for name, speed in row["speeds"].items()))
    return table


def sparse_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the times of sparse reading as a table."""
    title = f"{CLIPS} clips of {CLIP_LENGTH} frames, milliseconds; ratio of PyAV to the better of seek and scan"
    table = Table("video", "places", title=title, title_justify="left")
    for name in (*rows[0]["milliseconds"], "ratio"):
        table.add_column(name, justify="right")
    for row in rows:
        cells = (f"{value:.0f}" for value in row["milliseconds"].values())
        table.add_row(row["video"], row["places"], *cells, f"{row['ratio']:.2f}")
    return table


def reader_table(rows: Mapping[str, Mapping[str, float]]) -> Table:
    """Return the results of the readers as a table."""
    table = Table("reader", title="readers, medians over the videos", title_justify="left")
    for name in ("frames/s", "sparse frames/s", "added MiB"):
        table.add_column(name, justify="right")
    for name, row in rows.items():
        table.add_row(name, *(f"{row[key]:.0f}" for key in ("sequential", "sparse", "added_mib")))
    return table


def measure(paths: Sequence[Path], runs: int) -> dict[str, Any]:
    """Measure everything."""
    readers = available_readers(paths)
    sequential: list[dict[str, Any]] = []
    sparse: list[dict[str, Any]] = []
    for path in paths:
        speeds = measure_sequential(path, readers, runs)
        shares = {
            name: speeds[name] / speeds[f"plain {library}"]
            for library in PLAIN
            if library in readers
            for name in (library, f"pipeline {library}")
        }
        sequential.append({"video": path.name, "speeds": speeds, "shares": shares})
        for places in PLACES:
            spent = measure_sparse(path, readers, places, runs)
            ratio = spent["PyAV"] / min(spent["seek"], spent["scan"])
            frames = CLIP_LENGTH * len(sparse_starts(probing.index_frames(path).info.frame_count, places))
            sparse.append(
                {"video": path.name, "places": places, "frames": frames, "milliseconds": spent, "ratio": ratio}
            )
    return {
        "sequential": sequential,
        "sparse": sparse,
        "readers": {
            name: {
                "sequential": statistics.median(row["speeds"][name] for row in sequential),
                "sparse": statistics.median(1000 * row["frames"] / row["milliseconds"][name] for row in sparse),
                "added_mib": measure_memory(name, paths[0]),
            }
            for name in readers
        },
        "least_share": min(row["shares"]["PyAV"] for row in sequential),
        "least_pipeline_share": min(row["shares"]["pipeline PyAV"] for row in sequential),
        "worst_ratio": max(row["ratio"] for row in sparse),
    }


def decoding(quick: bool = False, videos: Path | None = None, output: Path = Path("runs/decoding")) -> None:
    """Measure the readers and print the results.

    Args:
        quick: Short videos, one run.
        videos: Folder with your own videos, of which the longest are taken; by default videos are written.
        output: Folder for the written videos, which are reused.
    """
    if videos is not None:
        paths = longest_videos(videos)
    else:
        num_frames = 80 if quick else 1400
        paths = [output / f"keys_{distance}_of_{num_frames}.mp4" for distance in KEY_DISTANCES]
        for path, distance in zip(paths, KEY_DISTANCES, strict=True):
            write_video(path, distance, num_frames)
    with one_core():
        found = measure(paths, 1 if quick else RUNS)
    console = output_console()
    console.print(sequential_table(found["sequential"]))
    console.print(sparse_table(found["sparse"]))
    console.print(reader_table(found["readers"]))
    shares = {name: found[f"least_{name}"] >= LEAST_SHARE for name in ("share", "pipeline_share")}
    targets = {**shares, "ratio": found["worst_ratio"] <= MOST_SLOWER}
    line = {"benchmark": "decoding", "quick": quick, "targets_met": targets, **found}
    console.print(json.dumps(line), soft_wrap=True, markup=False)


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark with command-line arguments."""
    if list(arguments[:1]) == ["measure"]:
        output_console().print(json.dumps({"added_mib": added_memory(arguments[1], Path(arguments[2]))}))
        return
    auto_cli(decoding, as_positional=False, args=spell_flags(arguments, {"quick"}))


if __name__ == "__main__":
    run(sys.argv[1:])
