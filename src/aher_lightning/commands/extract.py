"""``aher extract``: clip features of every video of a data set, once, for all later runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from aher_lightning.console import ProgressReporter
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.feature_store import NpyFeatureStore
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.video.contract import PROVENANCE


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
        for video_id in missing:
            snippets = folder.read(video_id)
            features = module.snippet_features(snippets.values.to(device)).cpu()
            store.write(video_id, features, duration_sec=folder.duration_sec(video_id))
            progress.advance()
    store.finalize()
    return output
