"""The shipped configurations do what their comments say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import configs_folder
from tests.helpers.command_line import TrainedRun
from tests.helpers.real_data import real_data

SMALL_ANET = (
    "--model.backbone.depth=63",
    "--model.network.stem_channels=[8,8]",
    "--model.network.level_channels=[4,4,4,4,4,4,4,4]",
    "--trainer.devices=1",
    "--trainer.strategy=auto",
    "--trainer.logger=false",
)


@pytest.mark.parametrize("overlay", [(), ("--config", "variants/stage0.yaml")])
def test_missing_data_is_one_line_that_names_folder_and_guide(
    overlay: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "anet"
    words = ["fit", "--config", "anet_un_am.yaml", *overlay, *SMALL_ANET]
    assert main([*words, f"--data.root={missing}", f"--trainer.default_root_dir={tmp_path}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line == f"aher fit: {missing}: no such data folder; docs/paper_settings.md explains how to get ActivityNet v1.3"
    )
    assert (Path(__file__).parents[2] / "docs" / "paper_settings.md").is_file()


def test_every_shipped_config_says_how_it_is_used() -> None:
    files = sorted(configs_folder().glob("*.yaml"))
    assert len(files) >= 7
    for file in files:
        comment = [line for line in file.read_text().splitlines() if line.startswith("#")]
        assert any("aher " in line for line in comment), file.name


DECORD_CONFIGS = ("anet_un_am", "th14_anet_fg", "anet_k600", "demo_end_to_end", "ut_interaction")


@pytest.mark.parametrize("file", sorted(configs_folder().glob("*.yaml")), ids=lambda file: str(file.stem))
def test_the_settings_of_the_paper_and_training_from_pixels_read_by_decord_apart(file: Path) -> None:
    data = yaml.safe_load(file.read_text()).get("data", {})
    options = data.get("init_args", data)
    if file.stem in DECORD_CONFIGS:
        assert options["reader"] == {"class_path": "AutoReader", "init_args": {"use_decord": True}}
        assert options["time_limit_sec"] > 0
    else:
        assert "use_decord" not in str(options)


@pytest.mark.slow
def test_training_from_pixels_moves_the_backbone(trained_run: TrainedRun, tmp_path: Path) -> None:
    def backbone(iterations: int) -> dict[str, torch.Tensor]:
        folder = tmp_path / str(iterations)
        words = ["fit", "--config", "demo.yaml", "--config", "demo_end_to_end.yaml", "--model.initial_weights=[]"]
        words += [f"--data.root={trained_run.data}", f"--trainer.default_root_dir={folder}", "--trainer.logger=false"]
        words += [f"--iterations={iterations}", "--trainer.limit_val_batches=0", "--data.batch_size=2"]
        assert main(words) == 0
        checkpoint = read_checkpoint(folder / "last.ckpt")
        assert checkpoint[STATE_KEY]["iteration"] == iterations
        return {key: value for key, value in checkpoint["state_dict"].items() if key.startswith("backbone.")}

    one, two = backbone(1), backbone(2)
    moved = [key for key, value in one.items() if not torch.equal(value, two[key])]
    assert any("stem" in key for key in moved)
    assert not any("running" in key for key in moved)  # batch norm keeps its statistics


@pytest.mark.real_data
@pytest.mark.slow
def test_real_footage_trains_and_is_evaluated(tmp_path: Path) -> None:
    root = real_data("videos/ut_interaction")
    names = ("untrimmed", "moments", "background")
    places = [f"--data.{option}={root / name}" for option, name in zip(("videos", *names[1:]), names, strict=True)]
    small = ["--data.contract.resize=24", "--data.contract.crop=24", "--data.contract.snippet_stride=16"]
    small += [f"--data.annotations={root / 'annotations.json'}", "--trainer.logger=false", "--data.batch_size=2"]

    def run(verb: str, folder: str, *words: str) -> None:
        common = ["--config", "ut_interaction.yaml", *words, *places, *small]
        assert main([verb, *common, f"--trainer.default_root_dir={tmp_path / folder}"]) == 0

    training = ["--iterations=1", "--trainer.val_check_interval=1", "--trainer.limit_val_batches=0"]
    run("fit", "first", "--config", "ut_interaction_recognition.yaml", *training, "--model.scheduler.total_steps=2")
    recognizer = f'--model.initial_weights=["{tmp_path / "first" / "last.ckpt"}"]'
    run("fit", "second", "--config", "ut_interaction_stage0.yaml", *training, recognizer)
    stage0 = f'--model.initial_weights=["{tmp_path / "second" / "last.ckpt"}"]'
    run("fit", "third", *training, stage0)
    checkpoint = tmp_path / "third" / "last.ckpt"
    state = read_checkpoint(checkpoint)[STATE_KEY]
    assert state["categories"]["moment"] == ["point", "punch", "push"]
    run("test", "third", f"--ckpt_path={checkpoint}", "--model.initial_weights=[]")
    metrics = json.loads((tmp_path / "third" / "metrics.json").read_text())
    assert metrics["test/coverage"] == 1.0
    assert 0 <= metrics["test/mAP"] <= 1
    predictions = json.loads((tmp_path / "third" / "predictions.json").read_text())["results"]
    assert list(predictions) == ["ut_q05", "ut_q06", "ut_q09"]
