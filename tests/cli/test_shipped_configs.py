from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli import shipped_configs
from aher_lightning.cli.shipped_configs import (
    check_config,
    configs_folder,
    describe_config,
    find_config,
    find_shipped,
    list_configs,
)
from aher_lightning.errors import ConfigError, UsageError


def test_shipped_configurations_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in configs_folder().glob("*.yaml"):
        assert find_config(path.name) == str(path)
    assert Path(find_config("demo.yaml")).is_file()


def test_a_local_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("demo.yaml").write_text("iterations: 1\n")
    assert find_config("demo.yaml") == "demo.yaml"
    assert find_config(str(tmp_path / "demo.yaml")) == str(tmp_path / "demo.yaml")


def test_the_suffix_may_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("demo") == str(configs_folder() / "demo.yaml")
    assert find_config("variants/stage0") == str(configs_folder() / "variants" / "stage0.yaml")
    assert find_shipped("slurm/fit.sbatch") == configs_folder() / "slurm" / "fit.sbatch"
    assert find_shipped("slurm/fit") is None
    Path("demo.yaml").write_text("iterations: 1\n")
    assert find_config("demo") == "demo.yaml"
    Path("demo").mkdir()  # a folder is no configuration
    assert find_config("demo") == "demo.yaml"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("dmo.yaml", "demo.yaml"),
        ("dmo", "demo.yaml"),
        ("configs/demo.yaml", "demo.yaml"),
        ("ahernet_star.yaml", "variants/ahernet_star.yaml"),
        ("3fc_elu", "variants/transfer/3fc_elu.yaml"),
        ("varients/stage0.yaml", "variants/stage0.yaml"),
        ("../configs", None),
        ("xyzzy", None),
    ],
)
def test_an_unknown_name_suggests_the_nearest(
    name: str, meant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        find_config(name)
    suggestion = "" if meant is None else f", did you mean '{meant}'"
    assert str(caught.value) == (
        f"{name}: no such file, and none of the configurations in {configs_folder()}{suggestion}"
    )
    assert caught.value.hint == "'aher configs' lists the shipped ones"


def test_options_in_place_of_a_name_are_left_to_the_parser() -> None:
    assert find_config("{iterations: 10}") == "{iterations: 10}"
    assert find_config("") == ""


def test_all_configurations_are_listed_by_folder() -> None:
    names = list_configs()
    assert names[0] == "anet_k600.yaml"
    assert names.index("ut_interaction_stage0.yaml") < names.index("loggers/csv.yaml") < names.index("slurm/fit.sbatch")
    assert all((configs_folder() / name).is_file() for name in names)
    assert len(names) > 40


def test_a_wheel_carries_its_own_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text("iterations: 1\n")
    monkeypatch.setattr(shipped_configs, "_PACKAGE", tmp_path)
    assert configs_folder() == tmp_path / "configs"
    assert find_config("mine.yaml") == str(tmp_path / "configs" / "mine.yaml")


@pytest.mark.parametrize(
    ("content", "description"),
    [
        ("# One.\niterations: 1\n", "One."),
        ("# One\n# line more\n", "One ..."),
        ("# One:\n#   aher fit\n", "One"),
        ("#!/bin/sh\n# One.\n", "One."),
        ("iterations: 1 # One\n", ""),
        ("", ""),
    ],
)
def test_a_configuration_is_described_by_its_first_comment(content: str, description: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(content)
    assert describe_config(tmp_path / "c.yaml") == description


def test_every_shipped_configuration_says_what_it_is() -> None:
    assert all(describe_config(configs_folder() / name) for name in list_configs())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9: 1\n", r"c\.yaml: is not UTF-8 text; give a configuration in YAML"),
        (b"", r"c\.yaml: holds nothing where options are expected; write lines such as 'iterations: 1000'"),
        (b"- a\n- b\n", r"c\.yaml: holds a list where options are expected"),
        (b"a:\n\tb: 1\n", r"c\.yaml: is not valid YAML \(line 2: .*\); correct it"),
        (b"a: [1\n", r"c\.yaml: is not valid YAML \(line 2: .*\); correct it"),
        (b"a: \x01\n", r"c\.yaml: is not valid YAML \(odd characters\); correct it"),
    ],
)
def test_a_file_without_options_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(str(tmp_path / "c.yaml"))
    assert "\n" not in str(caught.value)


def test_a_file_with_options_passes(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("iterations: 1\n")
    assert check_config(str(tmp_path / "c.yaml")) == str(tmp_path / "c.yaml")
    assert check_config("missing.yaml") == "missing.yaml"
