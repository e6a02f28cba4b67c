"""The shipped sweep: every combination runs as the agent of W&B would call it, and all loggers say the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from tensorboard.backend.event_processing import event_accumulator
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import configs_folder
from tests.helpers.miniature import make_miniatures
from tests.helpers.wandb_file import read_config, read_history

SWEEP = yaml.safe_load((configs_folder() / "sweeps" / "transfer.yaml").read_text(encoding="utf-8"))
GRID = {name: choice["values"] for name, choice in SWEEP["parameters"].items()}
COMBINATIONS = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """One configuration with another laid over it."""
    both = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            both[key] = merged(one[key], other[key])
    return both


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The setting of the demo on miniature data, in one file."""
    folder = tmp_path_factory.mktemp("sweep")
    miniature = make_miniatures(folder / "data")["demo.yaml"]
    shipped = yaml.safe_load((configs_folder() / miniature.config).read_text(encoding="utf-8"))
    content = merged(shipped, json.loads(miniature.overlay.read_text()))
    content["trainer"] |= {"log_every_n_steps": 1, "val_check_interval": 2}
    path = folder / "setting.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def finished() -> Iterator[None]:
    """Each run of the agent is a process of its own; here it must be ended."""
    yield
    wandb.finish()


def agent_words(parameters: dict[str, Any]) -> list[str]:
    """The words that W&B's agent makes of the sweep's command."""
    arguments = create_sweep_command_args({"args": {name: {"value": value} for name, value in parameters.items()}})
    words: list[str] = []
    for word in create_sweep_command(list(SWEEP["command"])):
        words += arguments["args"] if word == "${args}" else [word]
    return words


def test_the_sweep_covers_table_1() -> None:
    shipped = {f"variants/transfer/{path.name}" for path in (configs_folder() / "variants" / "transfer").iterdir()}
    assert set(GRID["config"]) == shipped
    assert len(COMBINATIONS) == 16
    assert SWEEP["method"] == "grid"
    assert SWEEP["metric"] == {"name": "val/mAP", "goal": "maximize"}
    assert SWEEP["command"][:3] == ["${env}", SWEEP["program"], "fit"]


@pytest.mark.slow
@pytest.mark.parametrize("parameters", COMBINATIONS, ids=lambda one: "-".join(map(str, one.values())))
def test_a_combination_runs_as_the_agent_calls_it(
    parameters: dict[str, Any], setting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AHER_CONFIG", str(setting))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.chdir(tmp_path)
    env, program, *words = agent_words(parameters)
    assert (env, program) == ("${env}", "aher")
    assert main([*words, f"--trainer.default_root_dir={tmp_path}"]) == 0
    state = read_checkpoint(tmp_path / "last.ckpt")[STATE_KEY]
    assert state["iteration"] == 2
    options = state["configuration"]["init_args"]
    assert options["optimizer"]["init_args"]["lr"] == parameters["model.init_args.optimizer.init_args.lr"]
    overlay = yaml.safe_load((configs_folder() / parameters["config"]).read_text(encoding="utf-8"))
    wanted = overlay["model"]["init_args"]["network"]["init_args"]["transfer"]
    wanted = wanted if isinstance(wanted, dict) else {"class_path": wanted}
    transfer = options["network"]["init_args"]["transfer"]
    assert transfer["class_path"].endswith(wanted["class_path"])
    assert wanted.get("init_args", {}).items() <= transfer.get("init_args", {}).items()


def read_events(folder: Path) -> dict[tuple[int, str], float]:
    """The losses and metrics that TensorBoard's files have."""
    events = event_accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    names = [name for name in events.Tags()["scalars"] if name.startswith(("train/", "val/"))]
    return {(one.step, name): one.value for name in names for one in events.Scalars(name)}


@pytest.mark.slow
def test_all_loggers_have_the_same_values(setting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AHER_CONFIG", str(setting))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    wandb.teardown()  # what an earlier run of this process was told counts no more
    words = agent_words(COMBINATIONS[0])[2:]
    both = [
        {"class_path": "pytorch_lightning.loggers.WandbLogger", "init_args": {"save_dir": str(tmp_path)}},
        {"class_path": "pytorch_lightning.loggers.CSVLogger", "init_args": {"save_dir": str(tmp_path), "name": "csv"}},
        {
            "class_path": "pytorch_lightning.loggers.TensorBoardLogger",
            "init_args": {"save_dir": str(tmp_path), "name": "board", "version": ""},
        },
    ]
    words += [f"--trainer.logger={json.dumps(both)}", "--timelines.videos=1", f"--trainer.default_root_dir={tmp_path}"]
    assert main([*words, "--iterations=4"]) == 0
    wandb.finish()
    wandb.teardown()  # waits until the file is closed; finish() alone may return before its last block is written
    (run_file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    logged: dict[tuple[int, str], float] = {}
    for row in read_history(run_file):
        step = row.get("trainer/global_step")
        logged |= {(step, key): value for key, value in row.items() if key.startswith(("train/", "val/"))}  # type: ignore[misc]
    with (tmp_path / "csv" / "version_0" / "metrics.csv").open() as file:
        table = {
            (int(row["step"]), key): float(value)
            for row in csv.DictReader(file)
            for key, value in row.items()
            if value and key not in {"step", "epoch"}
        }
    assert table.keys() == logged.keys()
    assert all(logged[key] == pytest.approx(value, nan_ok=True) for key, value in table.items())
    assert read_events(tmp_path / "board") == {key: pytest.approx(value, nan_ok=True) for key, value in table.items()}
    names = {name for _, name in table}
    assert {"train/transfer", "train/synthetic_prop", "val/mAP", "val/coverage"} <= names
    assert {step for step, name in table if name == "train/transfer"} == {1, 2, 3, 4}
    config = read_config(run_file)
    assert config["contract"]["value" if "value" in config["contract"] else "fps"]
    images = [row for row in read_history(run_file) if any(key.startswith("timelines/") for key in row)]
    assert [row["trainer/global_step"] for row in images] == sorted(step for step, name in table if name == "val/mAP")
