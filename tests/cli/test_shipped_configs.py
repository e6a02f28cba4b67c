from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.cli import shipped_configs
from aher_lightning.cli.shipped_configs import check_config, configs_folder, find_config
from aher_lightning.errors import ConfigError


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


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"caf\xe9: 1\n", r"c\.yaml: is no text in UTF-8; give a configuration in YAML"),
        (b"", r"c\.yaml: holds nothing where options are expected; write lines such as 'iterations: 1000'"),
        (b"- a\n- b\n", r"c\.yaml: holds a list where options are expected"),
        (b"a:\n\tb: 1\n", r"c\.yaml: is no valid YAML \(line 2: .*\); correct it"),
        (b"a: [1\n", r"c\.yaml: is no valid YAML \(line 2: .*\); correct it"),
        (b"a: \x01\n", r"c\.yaml: is no valid YAML \(odd characters\); correct it"),
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
