"""``aher extract``: compute the clip features of every video of a data set, once for all later runs."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal

from aher_lightning.console import ProgressReporter, counted, output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.inference.device import choose_device
from aher_lightning.inference.extraction import ClipEncoder, ExtractionResult, FeatureExtraction, load_public_weights
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.backbones.wanted_clips import check_clips
from aher_lightning.models.base import Backbone
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.provenance import made_by
from aher_lightning.video.contract import GRID, PROVENANCE, TemporalContract

SHOWN_FAILURES = 5
"""How many videos that failed are named at the end; ``failures.json`` has all."""


def extract(
    data: MixedDataModule,
    output: Path,
    *,
    checkpoint: Path | None = None,
    backbone: Backbone | None = None,
    weights: Path | None = None,
    snippet_stride: int | None = None,
    num_workers: int = 1,
    time_limit_sec: float | None = 600.0,
    dtype: Literal["float16", "float32"] = "float32",
    retry_failed: bool = True,
    trust_plugins: bool = False,
) -> Path:
    """Compute the features of all videos and moments that are not in the store yet.

    Any number of these commands, on any machines that share the folder, may fill one store at once. After a kill, run
    the same command again.

    Args:
        data: Which videos there are, and how frames become snippets.
        output: Folder of the feature store; an unfinished one is completed.
        checkpoint: File written by ``aher fit`` whose backbone computes the features.
        backbone: In place of a checkpoint: a network that brings its weights, or the one that ``weights`` belong to,
            such as P3D.
        weights: Public weights of a backbone that brings none.
        snippet_stride: Grid frames from one snippet to the next, in place of ``data.contract.snippet_stride``. It may
            differ from that of the checkpoint, whose backbone sees one clip at a time. The first clip keeps its place,
            ``data.contract.first_centre_frames``.
        num_workers: Videos that are decoded at the same time while the backbone works; each takes memory.
        time_limit_sec: Seconds that decoding one video may take before it counts as failed. Each is decoded in a
            process of its own, which a bad file may crash; ``None`` decodes without limit in this process.
        dtype: Precision on disk; float16 halves the size.
        retry_failed: Whether videos that failed in an earlier run are retried.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        VideoError: At the end, if there were videos that could not be used.
        AherError: If the options do not fit together, or the checkpoint or the store cannot be used.
    """
    if num_workers < 1 or (time_limit_sec is not None and not time_limit_sec > 0):
        raise ConfigError("'num_workers' must be at least 1 and 'time_limit_sec' above 0; correct them")
    contract = data.contract if snippet_stride is None else replace(data.contract, snippet_stride=snippet_stride)
    any_grid = snippet_stride is not None
    encoder = _choose_encoder(contract, checkpoint, backbone, weights, any_grid=any_grid, trust_plugins=trust_plugins)
    folder = _video_folder(data, contract, time_limit_sec)
    reader = folder.frames.reader
    contract = replace(encoder.contract, reader=type(reader).__name__, reader_version=reader.version)
    store = NpyFeatureStore.create(output, contract)
    missing = store.missing(folder.video_ids)
    extraction = FeatureExtraction(
        store=store, folder=folder, encode=encoder, num_workers=num_workers, dtype=dtype, retry_failed=retry_failed
    )
    if contract.snippet_stride != data.contract.snippet_stride:
        output_console().print(
            f"{output}: read these features with --data.contract.snippet_stride={snippet_stride}", markup=False
        )
    started = time.monotonic()
    with ProgressReporter("Extracting features", len(missing), unit="videos") as progress, closing(folder):
        result = extraction.run(missing, lambda video_id: progress.advance(note=video_id))
    _summarize(result, output, time.monotonic() - started)
    if result.failures:
        raise VideoError(
            f"{len(result.failures)} of {len(folder.video_ids)} videos could not be used, all others are done: see "
            f"{output / 'failures.json'}, then repair these files and run the command again, or exclude them"
        )
    return output


def _choose_encoder(
    contract: TemporalContract,
    checkpoint: Path | None,
    backbone: Backbone | None,
    weights: Path | None,
    *,
    any_grid: bool,
    trust_plugins: bool,
) -> ClipEncoder:
    """The backbone that computes the features, with the contract of its clips; ``any_grid`` lets the grid differ."""
    if checkpoint is not None:
        if backbone is not None or weights is not None:
            raise ConfigError("--checkpoint brings its backbone; leave --backbone and --weights out, or the checkpoint")
        module = load_module(checkpoint, trust_plugins=trust_plugins)
        network = module.backbone
        _check_clips(module, contract, checkpoint, any_grid=any_grid)
    else:
        network = _load_backbone(backbone, weights)
    device = choose_device("auto")
    if network.input_spec is not None:
        check_clips(contract.to_dict(), network.input_spec, type(network).__name__)
    return ClipEncoder(network.to(device), made_by(contract, network), device)


def _load_backbone(backbone: Backbone | None, weights: Path | None) -> Backbone:
    """A backbone with public weights, or with those that it brings."""
    if backbone is None:
        remedy = "give either --checkpoint FILE, or --backbone CLASS"
        raise ConfigError(remedy if weights is None else "--weights FILE needs --backbone CLASS, such as P3D")
    if weights is not None:
        return load_public_weights(backbone, weights)
    if not backbone.brings_weights:
        raise ConfigError(f"{type(backbone).__name__} brings no weights; add --weights FILE, or give its options")
    backbone.load_own_weights()
    return backbone.eval()


def _check_clips(module: BaseModule, contract: TemporalContract, checkpoint: Path, *, any_grid: bool) -> None:
    """Refuse clips unlike those of a checkpoint's training, and say what another grid means for its network."""
    trained = module.require_contract()
    differing = trained.differences(contract, ignore=PROVENANCE)
    remedy = "correct data.contract, or give another checkpoint"
    if set(differing) <= set(GRID):
        remedy = f"correct data.contract, or add --snippet-stride={contract.snippet_stride} to extract on another grid"
    trained.check_compatible(
        contract,
        ignore=(*PROVENANCE, *(GRID if any_grid else ())),
        where=("in the checkpoint", "in data.contract"),
        remedy=remedy,
    )
    if differing and module.depends_on_grid:
        output_console().print(
            f"{checkpoint}: its backbone makes these features, but its network was trained on another grid; train a "
            "network on them",
            markup=False,
        )


def _video_folder(data: MixedDataModule, contract: TemporalContract, time_limit_sec: float | None) -> VideoFolder:
    """Where videos are decoded; no frames are kept, as each video is read once."""
    folder = data.video_folder()
    return VideoFolder(folder.paths, contract, reader=folder.frames.reader, time_limit_sec=time_limit_sec)


def _summarize(result: ExtractionResult, output: Path, seconds: float) -> None:
    """Say in a few lines what has been done and what has not."""
    console = output_console()
    rate = f" ({result.written / seconds:.3g} videos/s)" if result.written and seconds > 0 else ""
    done = f"features of {counted(result.written, 'video')} written in {seconds:.0f} s{rate}"
    has_all = not (result.written or result.skipped or result.elsewhere or result.failures)
    console.print(f"{output}: {'has the features of all videos already' if has_all else done}", markup=False)
    if result.skipped:
        console.print(
            f"{counted(result.skipped, 'video')} left out, which failed before: {output / 'failures.json'}",
            markup=False,
        )
    if result.elsewhere:
        console.print(f"{result.elsewhere} videos are still being worked on by other processes")
    for failure in result.failures[:SHOWN_FAILURES]:
        console.print(f"  {failure.line}", markup=False)
    if len(result.failures) > SHOWN_FAILURES:
        console.print(f"  and {len(result.failures) - SHOWN_FAILURES} more")
