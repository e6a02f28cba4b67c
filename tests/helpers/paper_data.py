"""The data sets of the paper's settings in miniature: annotations, and files or features in name only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch

from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract

CONTRACT = TemporalContract(fps=25.0)

Span = tuple[str, float, float]


def entry(subset: str, *segments: Span, duration: float = 60.0) -> dict[str, object]:
    """An entry of an annotation file in ActivityNet layout."""
    annotations = [{"label": label, "segment": [start, end]} for label, start, end in segments]
    return {"subset": subset, "duration": duration, "annotations": annotations}


def write_activitynet(root: Path, database: Mapping[str, object]) -> Path:
    """Write the annotations of ActivityNet, and an empty folder of videos."""
    (root / "videos").mkdir(parents=True)
    (root / "activity_net.v1-3.json").write_text(json.dumps({"database": database}))
    return root


def write_split(path: Path, untrimmed: Iterable[str], moment: Iterable[str]) -> Path:
    """Write a split of one's own."""
    path.write_text(json.dumps({"untrimmed": list(untrimmed), "moment": list(moment)}))
    return path


def touch(root: Path, *names: str) -> None:
    """Make empty files, which nobody may read."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def write_features(
    root: Path, durations_sec: Mapping[str, float], contract: TemporalContract = CONTRACT
) -> NpyFeatureStore:
    """Write one snippet per second for each video; its feature is its number."""
    store = NpyFeatureStore.create(root, contract)
    for video_id, duration_sec in durations_sec.items():
        store.write(video_id, torch.arange(int(duration_sec)).float()[:, None], duration_sec)
    store.finalize()
    return store
