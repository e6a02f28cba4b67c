from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.errors import CheckpointError
from aher_lightning.models.backbones.public_weights import differing_weights, read_public_weights


class Foreign:
    """A class that a safe load must not make instances of."""


@pytest.mark.parametrize("content", [{"a": 1}, {"state_dict": {"module.a": 1}, "epoch": 7}, {"module.a": 1}])
def test_layouts_of_public_checkpoints(tmp_path: Path, content: dict[str, object]) -> None:
    def with_tensors(part: dict[str, object]) -> dict[str, object]:
        return {
            key: with_tensors(value) if isinstance(value, dict) else value if key == "epoch" else torch.ones(2)
            for key, value in part.items()
        }

    path = tmp_path / "weights.pth"
    torch.save(with_tensors(content), path)
    weights = read_public_weights(path)
    assert list(weights) == ["a"]
    assert weights["a"].tolist() == [1.0, 1.0]


def test_files_from_before_the_zip_format(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    assert read_public_weights(path)["a"].tolist() == [1.0, 1.0]


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.pth", tmp_path):
        with pytest.raises(CheckpointError, match=r"no such checkpoint; download the public weights") as caught:
            read_public_weights(path)
        assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("content", [b"", b"<html>quota exceeded</html>", b"PK\x03\x04 damaged", bytes(1000)])
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="no PyTorch checkpoint of tensors") as caught:
        read_public_weights(path)
    assert "\n" not in str(caught.value)


def test_objects_are_not_executed(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}, "options": Foreign()}, path)
    with pytest.raises(CheckpointError, match="no PyTorch checkpoint of tensors"):
        read_public_weights(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"state_dict": {}}, {"epoch": 3}, torch.ones(2)])
def test_files_without_state_dict_are_refused(tmp_path: Path, content: object) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="holds no state dict"):
        read_public_weights(path)


def test_differences_are_named() -> None:
    wanted = {"a": torch.zeros(2), "n.num_batches_tracked": torch.tensor(0)}
    assert differing_weights(wanted, {"a": torch.ones(2)}) is None
    assert differing_weights(wanted, dict(wanted)) is None
    assert differing_weights(wanted, {"b": torch.ones(2)}) == "1 of 2 tensors are missing, first 'a'"
    assert differing_weights(wanted, {"a": torch.ones(2), "b": torch.ones(2)}) == "1 tensors too many, first 'b'"
    assert differing_weights(wanted, {"a": torch.ones(3)}) == "'a' has shape (3,) instead of (2,)"
