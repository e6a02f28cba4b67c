from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning import shipped_configs
from aher_lightning.shipped_configs import configs_folder, find_config


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


def test_an_unknown_name_is_left_to_the_parser() -> None:
    assert find_config("no_such.yaml") == "no_such.yaml"
    assert find_config("") == ""


def test_a_wheel_carries_its_own_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text("iterations: 1\n")
    monkeypatch.setattr(shipped_configs, "_PACKAGE", tmp_path)
    assert configs_folder() == tmp_path / "configs"
    assert find_config("mine.yaml") == str(tmp_path / "configs" / "mine.yaml")
