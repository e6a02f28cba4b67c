from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from aher_lightning.checkpoints.content import (
    STATE_KEY,
    check_output,
    load_submodule,
    read_checkpoint,
    write_checkpoint,
)
from aher_lightning.errors import CheckpointError


class Crafted:
    """Makes a folder when it is unpickled carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_tensors_and_plain_values_are_read(tmp_path: Path) -> None:
    content = {"state_dict": {"w": torch.arange(3.0)}, STATE_KEY: {"iteration": 5, "categories": {"moment": ["a"]}}}
    torch.save(content, tmp_path / "good.ckpt")
    checkpoint = read_checkpoint(tmp_path / "good.ckpt")
    assert checkpoint[STATE_KEY] == content[STATE_KEY]
    assert checkpoint["state_dict"]["w"].tolist() == [0, 1, 2]


def test_code_within_a_checkpoint_is_never_executed(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, STATE_KEY: Crafted(tmp_path / "made")}, tmp_path / "bad.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Crafted(tmp_path / "made")))
    for name in ("bad.ckpt", "plain.ckpt"):
        with pytest.raises(CheckpointError, match=f"{name}: not a readable checkpoint"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "made").exists()


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "text": b"this is no checkpoint\nat all\n",
    "zip": b"PK\x03\x04 but nothing more",
    "pickle of nothing": pickle.dumps(None),
    "zeros": bytes(1000),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.ckpt"
    path.write_bytes(DAMAGED[name])
    with pytest.raises(CheckpointError, match=r"damaged\.ckpt: not a ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    torch.save({"state_dict": {"w": torch.zeros(1000)}, STATE_KEY: {}}, path)
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(CheckpointError, match=r"cut\.ckpt: not a readable checkpoint") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_missing_files_and_foreign_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.ckpt: no such checkpoint; train one"):
        read_checkpoint(tmp_path / "none.ckpt")
    with pytest.raises(CheckpointError, match="is a folder, not a checkpoint file"):
        read_checkpoint(tmp_path)
    contents: list[object] = [{"state_dict": {}}, {STATE_KEY: {}}, [1, 2], torch.zeros(2)]
    for content in contents:
        torch.save(content, tmp_path / "foreign.ckpt")
        with pytest.raises(CheckpointError, match="not a checkpoint of this package"):
            read_checkpoint(tmp_path / "foreign.ckpt")


def test_a_submodule_gets_the_weights_under_its_name(tmp_path: Path) -> None:
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    weights = {f"backbone.{key}": value for key, value in source.state_dict().items()} | {"backbone2.x": torch.ones(1)}
    assert load_submodule(target, weights, "backbone", tmp_path)
    assert torch.equal(source.weight, target.weight)
    assert not load_submodule(target, weights, "network", tmp_path)


def test_parts_of_others_are_left_out_and_named_where_a_module_has_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = (nn.ModuleDict({"stem": nn.Linear(2, 3), "classifier": nn.Linear(3, 2)}) for _ in range(2))
    weights = {f"network.{key}": value for key, value in source.state_dict().items()}
    before = {key: value.clone() for key, value in target.state_dict().items()}
    others = ["classifier", "another_classifier"]
    assert load_submodule(target, weights, "network", tmp_path / "c.ckpt", replaceable=others, others=others)
    now = target.state_dict()
    assert torch.equal(now["stem.weight"], weights["network.stem.weight"])
    assert torch.equal(now["classifier.weight"], before["classifier.weight"])
    backbone = {f"backbone.{key}": value for key, value in nn.Linear(2, 3).state_dict().items()}
    assert load_submodule(nn.Linear(2, 3), backbone, "backbone", tmp_path / "c.ckpt", replaceable=others, others=others)
    assert caplog.messages == [f"{tmp_path}/c.ckpt: has no weights for this classifier of 'network'; new ones are used"]


@pytest.mark.parametrize("other", [nn.Linear(2, 4), nn.Linear(2, 3, bias=False), nn.Identity()])
def test_another_architecture_is_refused_and_nothing_is_copied(other: nn.Module, tmp_path: Path) -> None:
    weights = {f"net.{key}": value for key, value in nn.Linear(2, 3).state_dict().items()}
    before = {key: value.clone() for key, value in other.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=r"'net' has another architecture .*tensors differ, first '(bias|weight)'"
    ):
        load_submodule(other, weights, "net", tmp_path / "c.ckpt")
    assert all(torch.equal(before[key], value) for key, value in other.state_dict().items())


class Parts(nn.Module):
    """A module of a body and two heads."""

    def __init__(self, body: int, head: int, *, with_tail: bool = True) -> None:
        super().__init__()
        self.body = nn.Linear(2, body)
        self.head = nn.Linear(2, head)
        self.tail = nn.Linear(2, 1) if with_tail else None


def test_replaceable_parts_start_new_where_the_checkpoint_has_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = Parts(3, 4), Parts(3, 5, with_tail=False)
    weights = {f"net.{key}": value for key, value in source.state_dict().items()}
    new = target.head.weight.clone()
    assert load_submodule(target, weights, "net", tmp_path / "c.ckpt", replaceable=("head", "tail"))
    assert torch.equal(target.body.weight, source.body.weight)
    assert torch.equal(target.head.weight, new)
    assert "c.ckpt: has no weights for this head and tail of 'net'; new ones are used" in caplog.text
    with pytest.raises(CheckpointError, match="'net' has another architecture"):
        load_submodule(Parts(4, 4), weights, "net", tmp_path, replaceable=("head", "tail"))


def test_parts_that_look_alike_can_be_other_parts(tmp_path: Path) -> None:
    source, target = Parts(3, 4), Parts(3, 4)
    weights = {f"net.{key}": value for key, value in source.state_dict().items()}
    new = target.head.weight.clone()
    assert load_submodule(target, weights, "net", tmp_path, replaceable=("head",), others=("head", "body"))
    assert torch.equal(target.head.weight, new)
    assert torch.equal(target.body.weight, source.body.weight)


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"state_dict": {"a": torch.ones(2)}, STATE_KEY: {"iteration": 1}}
    path = tmp_path / "new" / "c.ckpt"
    write_checkpoint(path, content)
    assert read_checkpoint(path)[STATE_KEY] == {"iteration": 1}

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(CheckpointError, match=r"c\.ckpt: cannot be written \(no space left .*choose another place"):
        write_checkpoint(path, content)
    assert [one.name for one in path.parent.iterdir()] == ["c.ckpt"]
    assert read_checkpoint(path)[STATE_KEY] == {"iteration": 1}


def test_a_checkpoint_that_does_not_fit_into_memory_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    (tmp_path / "c.ckpt").touch()
    monkeypatch.setattr(torch, "load", fail)
    error: Exception = MemoryError()
    with pytest.raises(MemoryError):
        read_checkpoint(tmp_path / "c.ckpt")
    error = KeyError("whatever")
    with pytest.raises(CheckpointError, match=r"c\.ckpt: not a readable checkpoint \(damaged\)") as caught:
        read_checkpoint(tmp_path / "c.ckpt")
    assert caught.value.__cause__ is error


def test_a_checkpoint_is_replaced_only_if_asked(tmp_path: Path) -> None:
    check_output(tmp_path / "c.ckpt", overwrite=False)
    (tmp_path / "c.ckpt").touch()
    check_output(tmp_path / "c.ckpt", overwrite=True)
    with pytest.raises(CheckpointError, match=r"c\.ckpt: already exists; name another file, or add --overwrite"):
        check_output(tmp_path / "c.ckpt", overwrite=False)
    with pytest.raises(CheckpointError, match="is a folder; name a file"):
        check_output(tmp_path, overwrite=True)
