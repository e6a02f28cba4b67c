"""``aher extract``: clip features of every video of a data set, once, for all later runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from aher_lightning.console import ProgressReporter
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.feature_store import NpyFeatureStore
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.structures import SnippetSequence
from aher_lightning.video.contract import PROVENANCE

VIDEOS_AHEAD = 2
"""Decoded videos that wait for the backbone; more would only take memory."""


@torch.inference_mode()
def extract(data: MixedDataModule, checkpoint: Path, output: Path) -> Path:
    """Compute the features of all videos and moments that are not in the store yet.

    Args:
        data: Which videos there are, and how frames become snippets.
        checkpoint: File written by ``aher fit`` whose backbone computes the features.
        output: Folder of the feature store; an unfinished one is completed.

    Returns:
        The folder.

    Raises:
        AherError: If the checkpoint, the store or a video cannot be used.
    """
    module = load_module(checkpoint)
    contract = module.require_contract()
    contract.check_compatible(data.contract, ignore=PROVENANCE)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module.to(device)
    folder = data.video_folder()
    store = NpyFeatureStore.create(
        output,
        replace(
            contract,
            backbone=type(module.backbone).__name__,
            weights_sha256=fingerprint(module.backbone),
            reader=type(folder.reader).__name__,
            reader_version=folder.reader.version,
        ),
    )
    missing = store.missing(folder.video_ids)
    with ProgressReporter("Extracting features", len(missing), unit="videos") as progress:
        for video_id, snippets in _read_ahead(folder, missing):
            features = module.snippet_features(snippets.values.to(device)).cpu()
            store.write(video_id, features, duration_sec=folder.duration_sec(video_id))
            progress.advance()
    store.finalize()
    return output


def _read_ahead(folder: VideoFolder, video_ids: Sequence[str]) -> Iterator[tuple[str, SnippetSequence]]:
    """Decode the next videos in a thread while the backbone works on this one."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        waiting: deque[tuple[str, Future[SnippetSequence]]] = deque()
        for video_id in video_ids:
            waiting.append((video_id, executor.submit(folder.read, video_id)))
            if len(waiting) > VIDEOS_AHEAD:
                ready, future = waiting.popleft()
                yield ready, future.result()
        for ready, future in waiting:
            yield ready, future.result()
