"""What cannot be, told through the command line in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aher_lightning.cli.main import main
from tests.helpers.command_line import trainer_words
from tests.helpers.paper_data import entry, touch, write_activitynet, write_split

Refused = Callable[..., str]

DATABASE = {
    "u": entry("training", ("Archery", 1.0, 5.0)),
    "m": entry("training", ("Zumba", 1.0, 5.0)),
    "v": entry("validation", ("Zumba", 1.0, 5.0)),
}


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    def refused(data_class: str, root: Path, *options: str) -> str:
        overlay = tmp_path / "data.yaml"
        init_args = {"root": str(root), "contract": {"fps": 10}}
        overlay.write_text(json.dumps({"data": {"class_path": data_class, "init_args": init_args}}))
        words = trainer_words("fit", root, tmp_path / "run")
        assert main([*words, f"--config={overlay}", *options]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return refused


@pytest.fixture
def anet(tmp_path: Path) -> Path:
    return write_activitynet(tmp_path / "anet", DATABASE)


def test_a_category_in_both_splits(refused: Refused, anet: Path, tmp_path: Path) -> None:
    split = write_split(tmp_path / "split.json", ["Archery", "Zumba"], ["Zumba"])
    line = refused("ActivityNetDataModule", anet, f"--data.split={split}")
    assert line == f"aher fit: {split}: category 'Zumba' is in both category sets; leave it in one of them"


def test_a_category_without_moments(refused: Refused, anet: Path, tmp_path: Path) -> None:
    touch(anet, "videos/v_m.mp4")
    split = write_split(tmp_path / "split.json", ["Archery"], ["Zumba", "Tango"])
    line = refused("ActivityNetDataModule", anet, f"--data.split={split}", "--data.parts=[moments]")
    found = "(categories found: Zumba)"
    assert line == f"aher fit: no trimmed clip for Tango; add clips or remove the category {found}"


def test_a_file_of_activitynet_in_the_place_of_one_of_kinetics(refused: Refused, anet: Path) -> None:
    file = anet / "activity_net.v1-3.json"
    line = refused("Kinetics600DataModule", anet, f"--data.activitynet_root={anet}", f"--data.annotations={file}")
    expected = "lines of YouTube id, start, end and category index, separated by tabs"
    assert line == f"aher fit: {file}: line 1: has 1 fields; expected {expected}"


def test_full_supervision_without_annotated_videos(refused: Refused, anet: Path, tiny_benchmark: Path) -> None:
    line = refused("Kinetics600DataModule", anet, f"--data.activitynet_root={anet}", "--data.label_fraction=0.5")
    assert line.endswith("so full supervision is impossible; remove 'label_fraction'")
    line = refused("RenderedDataModule", tiny_benchmark, "--data.label_fraction=0.5")
    assert line.endswith("which 'label_fraction' needs; render with --moment-training-videos 2 or more")
    line = refused("ActivityNetDataModule", anet, "--data.label_fraction=0.5", "--data.parts=[moments]")
    assert line == "aher fit: with 'label_fraction' there are no moments; remove \"moments\" from 'parts'"


def test_numbers_out_of_range(refused: Refused, anet: Path) -> None:
    line = refused("ActivityNetDataModule", anet, "--data.rules.max_instances=0")
    assert line == "aher fit: 'rules.max_instances' is 0, but must be at least 1; correct it"
    line = refused("ActivityNetDataModule", anet, "--data.label_fraction=2")
    assert line == "aher fit: 'label_fraction' is 2.0, but must be above 0 and at most 1; correct it"


def test_an_adversary_without_a_discriminator(refused: Refused, anet: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "no_discriminator.yaml"
    overlay.write_text(json.dumps({"model": {"init_args": {"network": {"init_args": {"discriminator": None}}}}}))
    split = write_split(tmp_path / "split.json", ["Archery"], ["Zumba"])
    line = refused("ActivityNetDataModule", anet, f"--data.split={split}", f"--config={overlay}")
    assert line == (
        "aher fit: phase 'generator' has an adversarial loss (adversarial_weight 0.1), but the network has no "
        "discriminator: give 'network.discriminator', or set 'adversarial_weight: 0'"
    )
