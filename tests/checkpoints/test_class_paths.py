from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.checkpoints.class_paths import check_class_paths
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.errors import CheckpointError
from aher_lightning.inference.rebuild import load_module
from tests.helpers.pretrained import hide
from tests.helpers.trained import checkpointed_localizer, configuration

FILE = Path("some.ckpt")
MODULE_NAME = "aher_test_payload"


@pytest.fixture
def payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module on the import path that leaves a file behind when imported, and another one when called."""
    code = f"""
from pathlib import Path
folder = Path({str(tmp_path)!r})
(folder / "imported").touch()
def run(*arguments, **options):
    (folder / "called").touch()
"""
    (tmp_path / f"{MODULE_NAME}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE_NAME, raising=False)
    return tmp_path


def traces(folder: Path) -> list[str]:
    return [name for name in ("imported", "called") if (folder / name).exists()]


def crafted(folder: Path, place: str, value: object) -> Path:
    """A checkpoint with another value for one argument of its module, or of its network."""
    path = checkpointed_localizer(folder)[1]
    content: dict[str, Any] = torch.load(path)
    arguments = content[STATE_KEY]["configuration"]["init_args"]
    (arguments["network"]["init_args"] if place == "transfer" else arguments)[place] = value
    torch.save(content, path)
    return path


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("place", ["optimizer", "backbone", "network", "decoder", "transfer", "resampling"])
def test_what_a_checkpoint_names_is_neither_imported_nor_called(place: str, as_text: bool, payload: Path) -> None:
    name = f"{MODULE_NAME}.run"
    path = crafted(payload, place, name if as_text else {"class_path": name})
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: names '{MODULE_NAME}\.run'.*add --trust-plugins"):
        load_module(path)
    assert traces(payload) == []
    assert MODULE_NAME not in sys.modules


def test_trust_is_what_makes_the_difference(payload: Path) -> None:
    path = crafted(payload, "optimizer", {"class_path": f"{MODULE_NAME}.run"})
    load_module(path, trust_plugins=True)
    assert "imported" in traces(payload)


def test_a_plug_in_is_restored_where_it_is_trusted(tmp_path: Path) -> None:
    path = crafted(tmp_path, "backbone", {"class_path": "tests.helpers.toy.MeanBackbone"})
    content = torch.load(path)
    weights = {key: value for key, value in content["state_dict"].items() if not key.startswith("backbone.")}
    content["state_dict"] = weights | {
        "backbone.linear.weight": torch.ones(8, 3),
        "backbone.linear.bias": torch.zeros(8),
    }
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"names 'tests\.helpers\.toy\.MeanBackbone', which is not part of this"):
        load_module(path)
    assert type(load_module(path, trust_plugins=True).backbone).__name__ == "MeanBackbone"


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "torch.nn.Linear",
        "torch.hub.load",
        "aher_lightning_evil.Module",
        "aher_lightning.video.isolation.subprocess.Popen",  # what a module of ours imports
        "aher_lightning.inference.rebuild.Path",
        "aher_lightning.cli.main.main",  # a function
        "aher_lightning.models.missing.Module",
        "aher_lightning",
        "Popen",
        "",
    ],
)
def test_only_classes_that_trusted_packages_define_are_known(name: str) -> None:
    with pytest.raises(CheckpointError, match="which is not part of this package"):
        check_class_paths({"class_path": name}, FILE)


@pytest.mark.parametrize("text", ["os.system", "backbone.yaml", "/etc/backbone", "..\\backbone"])
def test_a_text_that_could_name_a_module_or_a_file_is_refused_anywhere(text: str) -> None:
    for nested in ({"init_args": {"place": text}}, {"parts": [text]}, {"parts": ({"place": text},)}, text):
        with pytest.raises(CheckpointError, match=r"some\.ckpt: names '"):
            check_class_paths(nested, FILE)


def test_what_trainings_name_is_known() -> None:
    known = configuration(
        optimizer={"class_path": "torch.optim.Adam", "init_args": {"lr": 0.001, "betas": [0.9, 0.999]}},
        scheduler={"class_path": "torch.optim.lr_scheduler.CosineAnnealingLR", "init_args": {"T_max": 300}},
        loss={"class_path": "aher_lightning.losses.classification.CellClassificationLoss"},
        precision=None,
        moment_ratios=(0.1, 0.6),
        is_frozen=True,
        instances="single",
    )
    assert check_class_paths(known, FILE) is None  # type: ignore[func-returns-value]


def test_a_long_name_does_not_flood_the_terminal() -> None:
    with pytest.raises(CheckpointError) as caught:
        check_class_paths({"class_path": "x" * 10_000}, FILE)
    assert len(str(caught.value)) < 400


HUB = "aher_lightning.models.HuggingFaceBackbone"


@pytest.mark.parametrize("name", ["MCG-NJU/videomae-base", "facebook/vjepa2-vitl-fpc64-256", "net", "org/net.v1_2"])
def test_names_on_a_hub_are_text_in_their_fields(name: str) -> None:
    known = {"class_path": HUB, "init_args": {"name": name, "revision": "v1.0"}}
    assert check_class_paths({"init_args": {"backbone": known}}, FILE) is None  # type: ignore[func-returns-value]
    timm = {"class_path": "aher_lightning.models.TimmBackbone", "init_args": {"name": "resnet50.a1_in1k"}}
    assert check_class_paths(timm, FILE) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    "name",
    ["../net", "org/../net", "/etc/passwd", "a/b/c", "./net", "~/net", "org/.hidden", "a\\b", "https://x/y", "a//b"],
)
def test_paths_are_no_names_on_a_hub(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"some\.ckpt: names '"):
        check_class_paths({"class_path": HUB, "init_args": {"name": name}}, FILE)


@pytest.mark.parametrize(
    "configuration",
    [
        {"class_path": HUB, "init_args": {"weights": "org/net"}},  # another field
        {"class_path": HUB, "name": "org/net"},  # no argument
        {"class_path": HUB, "init_args": {"config": {"attn_implementation": "org/kernel"}}},  # code of a hub
        {"class_path": HUB, "init_args": {"name": {"class_path": "os.system"}}},
        {"class_path": "aher_lightning.models.P3DSmall", "init_args": {"name": "org/net"}},  # another class
        {"class_path": "evil.HuggingFaceBackbone", "init_args": {"name": "org/net"}},  # another package
    ],
)
def test_names_on_a_hub_are_refused_anywhere_else(configuration: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match="which is not part of this package"):
        check_class_paths({"init_args": {"backbone": configuration}}, FILE)


def test_a_name_on_a_hub_is_neither_imported_nor_called(payload: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a module that is there, in the field of a hub's name: it stays text, and no hub is asked for it."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    name = f"{MODULE_NAME}.run"
    path = crafted(payload, "backbone", {"class_path": HUB, "init_args": {"name": name}})
    with pytest.raises(CheckpointError, match=rf"configuration of '{MODULE_NAME}\.run' is not in the checkpoint"):
        load_module(path)
    assert traces(payload) == []
    assert MODULE_NAME not in sys.modules


def test_without_transformers_a_name_on_a_hub_is_neither_imported_nor_called(
    payload: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "transformers")
    path = crafted(payload, "backbone", {"class_path": HUB, "init_args": {"name": f"{MODULE_NAME}.run"}})
    with pytest.raises(CheckpointError, match=r"HuggingFaceBackbone needs packages that are missing or old"):
        load_module(path)
    assert traces(payload) == []
