from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.checkpoints.pretrained_folder import (
    CONFIG_FILE,
    FEATURE_BANK_FILE,
    WEIGHTS_FILE,
    is_own,
    read_trained,
    write_pretrained,
)
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.add_category import add_categories
from aher_lightning.inference.category_list import describe_categories, remove_categories
from aher_lightning.inference.localizer import Localizer
from aher_lightning.inference.rebuild import load_module
from tests.helpers.added import remembering_checkpoint, teach_briefly, write_clips
from tests.helpers.training import toy_localizer
from tests.helpers.videos import VideoSpec, write_video


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    teach_briefly(monkeypatch)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return remembering_checkpoint(tmp_path)


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    write_pretrained(tmp_path / "folder", read_checkpoint(checkpoint))
    return tmp_path / "folder"


def test_everything_but_training_comes_back(checkpoint: Path, folder: Path) -> None:
    original, restored = read_checkpoint(checkpoint), read_trained(folder)
    assert restored.keys() == {"state_dict", STATE_KEY}
    assert restored["state_dict"].keys() == original["state_dict"].keys()
    for name, value in original["state_dict"].items():
        assert torch.equal(value, restored["state_dict"][name])
        assert value.dtype == restored["state_dict"][name].dtype
    bank, kept = original[STATE_KEY].pop(FEATURE_BANK_KEY), restored[STATE_KEY].pop(FEATURE_BANK_KEY)
    assert json.loads(json.dumps(original[STATE_KEY])) == restored[STATE_KEY]
    assert bank.keys() == kept.keys()
    assert all(torch.equal(values, kept[name]) for name, values in bank.items())
    assert read_trained(checkpoint).keys() == original.keys()


def test_paths_of_the_one_who_trained_stay_at_home(checkpoint: Path, tmp_path: Path) -> None:
    content = read_checkpoint(checkpoint)
    content[STATE_KEY]["configuration"]["init_args"]["initial_weights"] = ["/home/me/secret/last.ckpt"]
    write_pretrained(tmp_path / "folder", content)
    assert "secret" not in "".join(
        path.read_bytes().decode(errors="replace") for path in (tmp_path / "folder").iterdir()
    )
    assert read_trained(tmp_path / "folder")[STATE_KEY]["configuration"]["init_args"]["initial_weights"] == []
    assert content[STATE_KEY]["configuration"]["init_args"]["initial_weights"] == ["/home/me/secret/last.ckpt"]


def test_a_folder_finds_the_same_to_the_bit(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", VideoSpec(num_frames=60))
    expected = Localizer.from_checkpoint(checkpoint).localize(video).detections
    for localizer in (Localizer.from_pretrained(str(folder)), Localizer.from_checkpoint(folder, window_sec=9.0)):
        found = localizer.localize(video).detections
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_categories_are_added_to_a_folder_as_to_a_checkpoint(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=3)
    for name, origin in (("a", checkpoint), ("b", folder)):
        add_categories(origin, moments, tmp_path / f"{name}.ckpt")
    one, other = (read_trained(tmp_path / f"{name}.ckpt")["state_dict"] for name in "ab")
    assert all(torch.equal(one[key], other[key]) for key in one)
    write_pretrained(tmp_path / "more", read_trained(tmp_path / "b.ckpt"))
    assert [one.name for one in describe_categories(tmp_path / "more") if one.provenance == "added"] == ["bow"]
    assert load_module(tmp_path / "more").categories.moment[-1] == "bow"
    remove_categories(tmp_path / "more", ["bow"], tmp_path / "less.ckpt")
    assert load_module(tmp_path / "less.ckpt").categories.moment == load_module(checkpoint).categories.moment


def test_training_starts_from_a_folder(folder: Path) -> None:
    torch.manual_seed(1)
    weights = read_trained(folder)["state_dict"]
    module = toy_localizer(backbone=load_module(folder).backbone, initial_weights=[folder])
    assert torch.equal(module.network.state_dict()["head.levels.0.weight"], weights["network.head.levels.0.weight"])
    assert is_own(folder)


def test_the_memory_may_be_left_out(checkpoint: Path, tmp_path: Path) -> None:
    write_pretrained(tmp_path / "small", read_checkpoint(checkpoint), with_feature_bank=False)
    assert not (tmp_path / "small" / FEATURE_BANK_FILE).exists()
    assert FEATURE_BANK_KEY not in read_trained(tmp_path / "small")[STATE_KEY]
    with pytest.raises(CheckpointError, match="has no feature bank"):
        add_categories(tmp_path / "small", write_clips(tmp_path / "moments", bow=2), tmp_path / "o.ckpt")


def test_a_folder_that_is_there_is_not_replaced(checkpoint: Path, folder: Path) -> None:
    with pytest.raises(CheckpointError, match="already exists"):
        write_pretrained(folder, read_checkpoint(checkpoint))
    write_pretrained(folder, read_checkpoint(checkpoint), overwrite=True)
    assert {path.name for path in folder.iterdir()} == {"README.md", CONFIG_FILE, WEIGHTS_FILE, FEATURE_BANK_FILE}


def change_config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / CONFIG_FILE).read_text())
        (folder / CONFIG_FILE).write_text(json.dumps(content | changes))

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / CONFIG_FILE).unlink(), r"has no config\.json, so it is no exported model"),
        (lambda folder: (folder / CONFIG_FILE).write_text("{"), r"config\.json"),
        (lambda folder: (folder / CONFIG_FILE).write_text("[]"), r"config\.json"),
        (change_config(format=2), r"config\.json: has another layout than number 1"),
        (change_config(configuration={"class_path": "os.system", "init_args": {}}), "names 'os.system'"),
        (change_config(configuration=5), "folder: its entry 'configuration' is missing or damaged"),
        (change_config(categories={"untrimmed": ["a"]}), "its entry 'categories' is missing or damaged"),
        (
            change_config(categories={"untrimmed": ["../x", "a", "b"], "moment": [*"yzw"], "evaluated": "all"}),
            "cannot rebuild its module",
        ),
        (change_config(contract="fast"), "its entry 'contract' is missing or damaged"),
        (lambda folder: (folder / WEIGHTS_FILE).unlink(), r"model\.safetensors: is missing"),
        (lambda folder: (folder / WEIGHTS_FILE).write_bytes(b"\x80\x04junk"), r"model\.safetensors: is damaged"),
        (lambda folder: (folder / WEIGHTS_FILE).write_bytes(b""), r"model\.safetensors: is damaged"),
    ],
)
def test_a_damaged_folder_gives_one_line(damage: Callable[[Path], object], message: str, folder: Path) -> None:
    damage(folder)
    with pytest.raises(CheckpointError, match=message) as caught:
        Localizer.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_weights_of_other_sizes_are_refused(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / WEIGHTS_FILE)
    name = next(key for key in weights if key.startswith("network."))
    save_file(weights | {name: torch.zeros(1)}, folder / WEIGHTS_FILE)
    with pytest.raises(CheckpointError, match="another architecture"):
        load_module(folder)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder; export one with"):
        Localizer.from_pretrained(tmp_path / "none")
