"""The ``aher`` command within the process of the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from aher_lightning.cli.main import main

CONFIGS = Path(__file__).parents[1] / "configs"


def trainer_words(command: str, data: Path, output: Path, *overlays: str) -> list[str]:
    """Return the words of a training or evaluation command on a tiny benchmark."""
    configs = [f"--config={CONFIGS / f'{name}.yaml'}" for name in ("tiny", *overlays)]
    return [command, *configs, f"--data.init_args.root={data}", f"--trainer.default_root_dir={output}"]


def extract_words(data: Path, checkpoint: Path, output: Path) -> list[str]:
    """Return the words that extract the features of a tiny benchmark."""
    config = f"--config={CONFIGS / 'tiny_extract.yaml'}"
    return ["extract", config, f"--data.init_args.root={data}", f"--checkpoint={checkpoint}", f"--output={output}"]


class TrainedRun(NamedTuple):
    """Files of a run of all commands on a tiny benchmark.

    Attributes:
        data: The benchmark.
        features: Its features.
        folder: One folder per step: recognition, stage0, aher.
    """

    data: Path
    features: Path
    folder: Path

    @property
    def checkpoint(self) -> Path:
        """The trained AherNet."""
        return self.folder / "aher" / "last.ckpt"

    @property
    def cached(self) -> str:
        """The option that reads features instead of pixels."""
        return cached(self.features)


def cached(features: Path) -> str:
    """Return the option that reads features instead of pixels."""
    store = {"class_path": "NpyFeatureStore", "init_args": {"root": str(features)}}
    return f"--data.init_args.features={json.dumps(store)}"


def run_everything(data: Path, folder: Path) -> TrainedRun:
    """Train recognition, extract, train stage 0 and AherNet, and test it; every step must succeed."""
    run = TrainedRun(data, folder / "features", folder)
    start = "--model.init_args.initial_weights"
    steps = [
        trainer_words("fit", data, folder / "recognition", "tiny_recognition"),
        extract_words(data, folder / "recognition" / "last.ckpt", run.features),
        [
            *trainer_words("fit", data, folder / "stage0", "tiny_stage0"),
            *(run.cached, f'{start}=["{folder}/recognition/last.ckpt"]'),
        ],
        [*trainer_words("fit", data, folder / "aher"), run.cached, f'{start}=["{folder}/stage0/last.ckpt"]'],
        [*trainer_words("test", data, folder / "aher"), run.cached, f"--ckpt_path={run.checkpoint}"],
    ]
    for words in steps:
        assert main(words) == 0, words
    return run
