"""Features as others publish them, in miniature, in every layout that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from aher_lightning.ops.randomness import random_generator

CONTRACT: dict[str, object] = {"fps": 10.0, "clip_length": 16, "snippet_stride": 8, "first_centre_frames": 8.0}
"""Centres at 0.8, 1.6, 2.4, ... seconds."""

DURATION_SEC = 17.0
"""Seconds of every video; they make 20 or 21 snippets."""

CHANNELS = 3


def toy_features(video_id: str, count: int = 20) -> npt.NDArray[np.float32]:
    """Return features of a video, float32 ``(count, CHANNELS)``, always the same for the same name."""
    values: npt.NDArray[np.float32] = torch.rand(count, CHANNELS, generator=random_generator(video_id)).numpy()
    return values


def manifest_content(kind: str, **changes: object) -> dict[str, Any]:
    """Return a valid manifest of videos ``a`` and ``b``; a change to ``None`` leaves a field out."""
    content: dict[str, Any] = {
        "version": 1,
        "format": kind,
        "layout": "TC",
        "channels": CHANNELS,
        "contract": CONTRACT,
        "durations_sec": {"a": DURATION_SEC, "b": DURATION_SEC},
    }
    if kind == "csv":
        content["header"] = False
    if kind == "hdf5":
        content["file"] = "features.h5"
    return {name: value for name, value in (content | changes).items() if value is not None}


def write_manifest(root: Path, kind: str, **changes: object) -> None:
    """Write a manifest beside features."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "features.json").write_text(json.dumps(manifest_content(kind, **changes)), encoding="utf-8")


def write_array_file(path: Path, values: npt.NDArray[np.generic], key: str = "") -> None:
    """Write an array in the format of the path's ending, by the usual tool for it."""
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        arrays: dict[str, Any] = {key or "arr_0": values}
        np.savez(path, **arrays)
    elif path.suffix == ".pt":
        tensor = torch.from_numpy(values.copy())
        torch.save({key: tensor} if key else tensor, path)
    else:
        np.savetxt(path, values, delimiter=",", fmt="%.9g")
