"""The data of every setting in miniature: annotation files of the original layouts, features in place of videos."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.ops.randomness import random_generator
from aher_lightning.video.contract import TemporalContract
from tests.helpers.paper_data import entry, touch, write_activitynet, write_split

CHANNELS = 8
DURATION_SEC = 60.0

SMALL = {
    "iterations": 2,
    "trainer": {
        "accelerator": "cpu",
        "devices": 1,
        "strategy": "auto",
        "val_check_interval": 2,
        "log_every_n_steps": 1,
        "logger": False,
    },
    "checkpoint": {"every_n_iterations": 0},
    "model": {
        "init_args": {
            "backbone": {
                "class_path": "P3DSmall",
                "init_args": {"stem_channels": 4, "stage_channels": [4, CHANNELS]},
            },
            "network": {
                "class_path": "AherNet",
                "init_args": {"length": 32, "stem_channels": [12, 12], "level_channels": [10, 10, 12]},
            },
            "initial_weights": [],
        }
    },
    "data": {"init_args": {"batch_size": 2, "num_workers": 0}},
}
"""Overlay that makes any shipped configuration train in a second."""


class Miniature(NamedTuple):
    """A setting on miniature data.

    Attributes:
        config: Name of the shipped configuration.
        overlay: Configuration file to lay over it.
    """

    config: str
    overlay: Path


def make_miniatures(folder: Path) -> dict[str, Miniature]:
    """Write the data of all settings.

    Args:
        folder: Where to write.

    Returns:
        The settings by the name of their configuration.
    """
    makers: dict[str, Callable[[Path], dict[str, Any]]] = {
        "demo.yaml": _rendered,
        "anet_un_am.yaml": _activitynet,
        "th14_anet_fg.yaml": _thumos14,
        "anet_k600.yaml": _kinetics600,
    }
    return {config: _make(config, folder / config, make) for config, make in makers.items()}


def _make(config: str, folder: Path, make: Callable[[Path], dict[str, Any]]) -> Miniature:
    folder.mkdir(parents=True)
    options = make(folder)
    shipped = yaml.safe_load((configs_folder() / config).read_text(encoding="utf-8"))["data"]["init_args"]
    store = NpyFeatureStore.create(folder / "features", TemporalContract(**shipped["contract"]))
    for video_id in options.pop("videos"):
        values = torch.rand(40, CHANNELS, generator=random_generator(video_id))
        store.write(video_id, values, DURATION_SEC)
    store.finalize()
    features = {"class_path": "NpyFeatureStore", "init_args": {"root": str(store.root)}}
    overlay = folder / "overlay.yaml"
    data = {"init_args": {**SMALL["data"]["init_args"], **options, "features": features}}  # type: ignore[index]
    overlay.write_text(json.dumps({**SMALL, "data": data}), encoding="utf-8")
    return Miniature(config, overlay)


def _database(subsets: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """Two videos of two instances for each label of each subset."""
    return {
        f"{subset}_{label.replace(' ', '')}_{number}": entry(
            subset, (label, 5.0, 20.0), (label, 30.0, 50.0), duration=DURATION_SEC
        )
        for subset, labels in subsets.items()
        for label in labels
        for number in range(2)
    }


def _rendered(folder: Path) -> dict[str, Any]:
    database = _database({"training": ("hop", "pace", "nod", "roll"), "validation": ("nod", "roll")})
    (folder / "annotations.json").write_text(json.dumps({"database": database}))
    write_split(folder / "split.json", ["hop", "pace"], ["nod", "roll"])
    touch(folder, *(f"moments/{label}/{number}.mp4" for label in ("nod", "roll") for number in range(2)))
    moments = [f"{label}--{number}" for label in ("nod", "roll") for number in range(2)]
    return {"root": str(folder), "videos": [*database, *moments]}


def _activitynet(folder: Path) -> dict[str, Any]:
    labels = ("Archery", "Zumba", "Tango")
    database = _database({"training": labels, "validation": labels})
    write_activitynet(folder / "anet", database)
    split = write_split(folder / "split.json", ["Archery"], ["Zumba", "Tango"])
    return {"root": str(folder / "anet"), "split": str(split), "videos": list(database)}


def _thumos14(folder: Path) -> dict[str, Any]:
    videos = [f"video_validation_{number}" for number in (1, 2)]
    annotations = folder / "thumos" / "annotations"
    for subset, ending in (("validation", "val"), ("test", "test")):
        lines = "".join(f"video_{subset}_{number} 5.0 25.0\n" for number in (1, 2))
        durations = "".join(f"video_{subset}_{number}.mp4\n{DURATION_SEC}\n" for number in (1, 2))
        classes = annotations / f"temporal_annotations_{subset}"
        classes.mkdir(parents=True)
        (classes / f"Diving_{ending}.txt").write_text(lines)
        (annotations / f"{subset}_durations.txt").write_text(durations)
    database = _database({"training": ("Zumba", "Tango"), "validation": ("Zumba", "Tango")})
    write_activitynet(folder / "anet", database)
    split = write_split(folder / "split.json", ["Diving"], ["Zumba", "Tango"])
    roots = {"root": str(folder / "thumos"), "activitynet_root": str(folder / "anet")}
    return {**roots, "split": str(split), "videos": [*database, *videos]}


def _kinetics600(folder: Path) -> dict[str, Any]:
    database = _database({"training": ("Archery", "Zumba")})
    write_activitynet(folder / "anet", database)
    kinetics = folder / "kinetics"
    kinetics.mkdir()
    # Class 0 is abseiling, class 9 archery.
    (kinetics / "aher_k600_val_annotation.txt").write_text("k1\t5\t20\t0\nk2\t30\t50\t9\n")
    lines = "".join(
        f"{label},{label}{number},1,11,train\n" for label in ("abseiling", "archery") for number in range(2)
    )
    (kinetics / "kinetics-600_train.csv").write_text("label,youtube_id,time_start,time_end,split\n" + lines)
    clips = [f"{label}{number}_000001_000011" for label in ("abseiling", "archery") for number in range(2)]
    split = write_split(folder / "split.json", ["Archery", "Zumba"], ["abseiling", "archery"])
    roots = {"root": str(kinetics), "activitynet_root": str(folder / "anet")}
    return {**roots, "split": str(split), "videos": [*database, "k1", "k2", *clips]}
