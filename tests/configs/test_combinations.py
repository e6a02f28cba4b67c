"""Settings, recipes and variants, every two of them together, train for two iterations on miniature data."""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.cli.shipped_configs import configs_folder
from tests.helpers.miniature import Miniature, make_miniatures

SETTINGS = ("demo.yaml", "anet_un_am.yaml", "th14_anet_fg.yaml", "anet_k600.yaml")


def shipped(folder: str) -> list[str]:
    """Overlays below a folder, by the names that the command line takes."""
    root = configs_folder()
    return sorted(path.relative_to(root).as_posix() for path in (root / folder).rglob("*.yaml"))


RECIPES = ["", *shipped("recipes")]
VARIANTS = ["", *shipped("variants")]

COMBINATIONS = [
    (setting, RECIPES[(row + column) % len(RECIPES)], variant)
    for row, variant in enumerate(VARIANTS)
    for column, setting in enumerate(SETTINGS)
]
"""Each setting with each variant, under recipes that take turns, so that each of these has met both as well."""

REFUSED = {
    ("anet_k600.yaml", "*", "variants/ahernet_star.yaml"): "Kinetics",
    # The paper's line 4 learns the transfer function alone, and here is none to learn.
    ("*", "recipes/paper.yaml", "variants/transfer/identity.yaml"): "phase 'transfer' has no parameters to train",
}
"""Combinations that cannot be, and what the one line about them says."""


def refusal(setting: str, recipe: str, variant: str) -> str | None:
    """Why a combination cannot be, if so."""
    wanted = (setting, recipe, variant)
    for pattern, reason in REFUSED.items():
        if all(part in {"*", own} for part, own in zip(pattern, wanted, strict=True)):
            return reason
    return None


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Miniature]:
    return make_miniatures(tmp_path_factory.mktemp("miniatures"))


def words(verb: str, miniature: Miniature, overlays: list[str], output: Path) -> list[str]:
    """A command on miniature data; sizes come before recipe and variant, which may not undo them."""
    configs = [miniature.config, str(miniature.overlay), *filter(None, overlays)]
    return [verb, *(f"--config={config}" for config in configs), f"--trainer.default_root_dir={output}"]


def model_options(*overlays: str) -> dict[str, Any]:
    """What the overlays say about the model, the last word winning."""
    said: dict[str, Any] = {}
    for name in filter(None, overlays):
        model = yaml.safe_load((configs_folder() / name).read_text(encoding="utf-8"))["model"]
        said |= model.get("init_args", {}) | ({"class_path": model["class_path"]} if "class_path" in model else {})
    return said


def test_every_two_meet() -> None:
    assert {(setting, variant) for setting, _, variant in COMBINATIONS} == {*product(SETTINGS, VARIANTS)}
    assert {(recipe, variant) for _, recipe, variant in COMBINATIONS} == {*product(RECIPES, VARIANTS)}
    assert {(setting, recipe) for setting, recipe, _ in COMBINATIONS} == {*product(SETTINGS, RECIPES)}


@pytest.mark.parametrize(("setting", "recipe", "variant"), COMBINATIONS)
def test_a_combination_trains_and_is_evaluated(
    setting: str,
    recipe: str,
    variant: str,
    miniatures: dict[str, Miniature],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    miniature = miniatures[setting]
    reason = refusal(setting, recipe, variant)
    if reason is not None:
        assert main(words("fit", miniature, [recipe, variant], tmp_path)) == 1
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("aher fit:")]
        assert reason in line
        return
    expected = model_options(recipe, variant)
    trains = expected.get("class_path") != "ProposalClassifierModule"
    assert main(words("fit" if trains else "validate", miniature, [recipe, variant], tmp_path)) == 0
    if not trains:
        return
    checkpoint = read_checkpoint(tmp_path / "last.ckpt")
    assert checkpoint[STATE_KEY]["iteration"] == 2
    configuration = checkpoint[STATE_KEY]["configuration"]
    assert configuration["class_path"].endswith(expected.get("class_path", "AherModule"))
    for name, wanted in expected.items():
        if name in configuration["init_args"] and isinstance(wanted, dict):
            assert_says(configuration["init_args"][name], wanted)
    assert all(math.isfinite(value.double().sum()) for value in checkpoint["state_dict"].values())


@pytest.mark.parametrize("variant", ["variants/contexts.yaml", "variants/ahernet_a_minus.yaml"])
def test_ahernet_a_minus_keeps_the_contexts_of_earlier_overlays(
    variant: str, miniatures: dict[str, Miniature], tmp_path: Path
) -> None:
    overlays = ["recipes/released.yaml", "variants/generated.yaml", variant]
    assert main(words("fit", miniatures["demo.yaml"], overlays, tmp_path)) == 0
    network = read_checkpoint(tmp_path / "last.ckpt")[STATE_KEY]["configuration"]["init_args"]["network"]["init_args"]
    assert network["context"]["class_path"].endswith(".GeneratedContexts")
    options = network["context"]["init_args"]
    assert (options["mode"], tuple(options["moment_ratios"])) == ("released", (0.1, 0.6))


def assert_says(configuration: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Check that an overlay's options arrived, classes by the end of their path."""
    for key, value in wanted.items():
        if isinstance(value, dict):
            assert_says(configuration[key], value)
        elif key == "class_path":
            assert configuration[key].endswith(f".{value}")
        elif isinstance(configuration[key], dict):  # a class named without options
            assert configuration[key]["class_path"].endswith(f".{value}")
        else:
            assert configuration[key] == value, key


@pytest.mark.parametrize("schedule", shipped("schedules"))
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_schedule_replaces_that_of_the_setting(
    setting: str, schedule: str, miniatures: dict[str, Miniature], tmp_path: Path
) -> None:
    assert main(words("fit", miniatures[setting], [schedule], tmp_path)) == 0
    configuration = read_checkpoint(tmp_path / "last.ckpt")[STATE_KEY]["configuration"]["init_args"]
    assert configuration["scheduler"]["class_path"].endswith("StepLR")
    assert configuration["scheduler"]["init_args"]["gamma"] == 0.9


def test_every_setting_is_shipped_and_every_overlay_says_how_it_is_used() -> None:
    assert {path.name for path in configs_folder().glob("*.yaml")} >= set(SETTINGS)
    assert len(VARIANTS) == 1 + 11 + 8
    for name in (*RECIPES[1:], *VARIANTS[1:], *shipped("schedules")):
        comment = [line for line in (configs_folder() / name).read_text().splitlines() if line.startswith("#")]
        assert any("aher " in line for line in comment), name
        assert any(name in line for line in comment), name
