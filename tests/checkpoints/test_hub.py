from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aher_lightning.checkpoints.hub import HubModel, download, is_on_hub, parse_name, upload
from aher_lightning.errors import CheckpointError, ConfigError
from tests.helpers.hub import READER, WRITER, Hub, connect, serve_hub

FILES = ("config.json", "model.safetensors", "feature_bank.safetensors")
GESTURES = HubModel("ann/gestures")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serve_hub(monkeypatch, tmp_path / "cache") as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    for name in (*FILES, "secret.txt"):
        (folder / name).write_text(f"content of {name}")
    return folder


def reconnect() -> None:
    """As if the next download were that of another process."""
    download.cache_clear()


def fails(model: HubModel) -> str:
    with pytest.raises(CheckpointError) as caught:
        download(model, FILES)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refuses(folder: Path, repository: str = GESTURES.repository) -> str:
    with pytest.raises(CheckpointError) as caught:
        upload(folder, repository, FILES)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"; nothing was uploaded, and {folder} is complete")
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["hf://", "hf:/", ""])
def test_a_name_is_read_however_it_was_spelt(scheme: str) -> None:
    name = f"{scheme}ann/gestures@refs/pr/1"
    assert parse_name(name) == HubModel("ann/gestures", "refs/pr/1")
    assert str(parse_name(name)) == "hf://ann/gestures@refs/pr/1"
    assert str(GESTURES) == "hf://ann/gestures"


def test_paths_are_told_from_names() -> None:
    assert is_on_hub(Path("hf://ann/gestures"))
    assert not any(is_on_hub(Path(name)) for name in ("ann/gestures", "hf/ann", "/hf:/ann", ""))


@pytest.mark.parametrize("name", ["gestures", "a/b/c", "a/b@", "a/..", "a/b@../x", "a/b c", "/a/b"])
def test_other_names_are_refused(name: str) -> None:
    name = f"hf://{name}"
    with pytest.raises(CheckpointError, match="names no model on the hub; write hf://USER/MODEL"):
        parse_name(name)


def test_only_the_files_of_a_model_come(hub: Hub, folder: Path) -> None:
    hub.add("ann/gestures", folder)
    found = download(GESTURES, FILES)
    assert {path.name: path.read_text() for path in found.iterdir()} == {name: f"content of {name}" for name in FILES}
    assert not [request for request in hub.requests if "secret" in request]


def test_a_process_asks_once_and_the_next_one_downloads_what_is_new_alone(hub: Hub, folder: Path) -> None:
    hub.add("ann/gestures", folder)
    first, asked = download(GESTURES, FILES), len(hub.requests)
    assert download(GESTURES, FILES) == first
    assert len(hub.requests) == asked
    (folder / "config.json").write_text("newer")
    hub.add("ann/gestures", folder)
    hub.requests.clear()
    reconnect()
    assert (download(GESTURES, FILES) / "config.json").read_text() == "newer"
    assert (first / "config.json").read_text() == "content of config.json"
    fetched = [one for one in hub.requests if one.startswith("GET") and "/resolve/" in one]
    assert [one.rpartition("/")[2] for one in fetched] == ["config.json"]


def test_a_revision_is_a_tag_or_a_commit(hub: Hub, folder: Path) -> None:
    repository = hub.add("ann/gestures", folder)
    (commit,) = repository.commits
    repository.tags["v1"] = commit
    (folder / "config.json").write_text("newer")
    hub.add("ann/gestures", folder)
    for revision in ("v1", commit):
        assert (download(GESTURES._replace(revision=revision), FILES) / "config.json").read_text() != "newer"
    assert (download(GESTURES, FILES) / "config.json").read_text() == "newer"
    assert "hf://ann/gestures@v2: has no such revision" in fails(GESTURES._replace(revision="v2"))


def test_an_earlier_download_serves_without_a_connection(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("ann/gestures", folder)
    found = download(GESTURES, FILES)
    connect(monkeypatch, 9)
    reconnect()
    assert download(GESTURES, FILES) == found
    text = fails(HubModel("ann/other"))
    assert text.startswith("hf://ann/other: cannot be downloaded (")
    assert "and no earlier download is complete; connect and try again, or download the folder elsewhere" in text
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    reconnect()
    assert download(GESTURES, FILES) == found
    assert "and no earlier download is complete" in fails(HubModel("ann/other"))


def test_an_incomplete_download_does_not_serve(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("ann/gestures", folder)
    (download(GESTURES, FILES) / "model.safetensors").unlink()
    connect(monkeypatch, 9)
    reconnect()
    assert "no earlier download is complete" in fails(GESTURES)


def test_private_and_missing_repositories_give_one_line(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("ann/gestures", folder, is_private=True)
    for model in (GESTURES, HubModel("ann/none")):
        line = f"{model}: does not exist, or is private and you may not read it; correct the name, or log in by"
        assert fails(model).startswith(line)
        monkeypatch.setenv("HF_TOKEN", READER)
        assert fails(model).startswith(line)
        monkeypatch.delenv("HF_TOKEN")
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    monkeypatch.setenv("HF_TOKEN", WRITER)
    assert sorted(path.name for path in download(GESTURES, FILES).iterdir()) == sorted(FILES)


def test_names_that_no_repository_can_have_give_one_line(hub: Hub, folder: Path) -> None:
    assert "is no name that a repository can have" in fails(HubModel("ann/-gestures"))
    assert "is no name that a repository can have; give --push USER/MODEL" in refuses(folder, "ann/-gestures")
    assert hub.requests == []


def test_an_upload_makes_a_private_repository_in_one_commit(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITER)
    address = upload(folder, "ann/gestures", FILES)
    repository = hub.repositories["ann/gestures"]
    assert repository.is_private
    assert repository.newest == {name: f"content of {name}".encode() for name in FILES}
    assert address.endswith(f"/ann/gestures/commit/{next(iter(repository.commits))}")
    assert len(repository.commits) == 1


def test_an_upload_replaces_its_own_files_and_no_others(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = hub.add("ann/gestures", folder)
    shutil.copytree(folder, tmp_path / "smaller")
    (tmp_path / "smaller" / "feature_bank.safetensors").unlink()
    (tmp_path / "smaller" / "config.json").write_text("newer")
    monkeypatch.setenv("HF_TOKEN", WRITER)
    upload(tmp_path / "smaller", "ann/gestures", FILES)
    assert repository.newest.keys() == {"config.json", "model.safetensors", "secret.txt"}
    assert repository.newest["config.json"] == b"newer"
    assert not repository.is_private
    assert len(repository.commits) == 2


def test_an_upload_that_is_refused_changes_nothing(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hf://ann/gestures: needs a valid token; log in by 'hf auth login', or set HF_TOKEN" in refuses(folder)
    monkeypatch.setenv("HF_TOKEN", READER)
    assert "your token has no write permission there; name a repository of your own" in refuses(folder)
    assert hub.repositories == {}
    repository = hub.add("ann/gestures", folder)
    assert "your token has no write permission there" in refuses(folder)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    hub.refuses_commits = True
    (folder / "config.json").write_text("newer")
    assert "cannot be uploaded (" in refuses(folder)
    assert len(repository.commits) == 1
    connect(monkeypatch, 9)
    assert "connect and export again with --overwrite" in refuses(folder)


def test_the_environment_selects_hub_cache_and_token(hub: Hub, folder: Path, tmp_path: Path) -> None:
    from huggingface_hub import constants

    hub.add("ann/gestures", folder, is_private=True)
    code = f"from aher_lightning.checkpoints.hub import *; print(download(parse_name('ann/gestures'), {FILES}))"
    own = {"HF_ENDPOINT": constants.ENDPOINT, "HF_HUB_CACHE": str(tmp_path / "cache"), "HF_TOKEN": WRITER}
    for changes in ({}, {"HF_HUB_OFFLINE": "1"}):
        hub.requests.clear()
        found = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **own, **changes},
            capture_output=True,
            text=True,
            check=True,
        )
        assert Path(found.stdout.strip()).is_relative_to(tmp_path / "cache")
        assert bool(hub.requests) == (not changes)


@pytest.mark.usefixtures("no_extras")
def test_without_the_extra_its_name_is_told(tmp_path: Path) -> None:
    reconnect()
    with pytest.raises(ConfigError, match=r'hf://ann/gestures needs .* pip install "aher-lightning\[hub\]"'):
        download(GESTURES, FILES)
    with pytest.raises(ConfigError, match=r'pip install "aher-lightning\[hub\]"'):
        upload(tmp_path, "ann/gestures", FILES)
