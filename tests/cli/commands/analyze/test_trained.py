from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.cli.commands.analyze.trained import load_trained
from aher_lightning.errors import CheckpointError, ContractError
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule
from aher_lightning.structures import Categories, SnippetSequence
from aher_lightning.video.contract import TemporalContract
from tests.helpers.toy import MOMENT, UNTRIMMED, ToyDataModule
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import small_contract


class Store:
    """A feature store that says how its features were made."""

    def __init__(self, contract: TemporalContract) -> None:
        self.contract = contract

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        raise KeyError(video_id, span_sec)


def toy_data(**options: Any) -> ToyDataModule:
    return ToyDataModule(**({"contract": small_contract()} | options))


def test_the_module_speaks_of_what_the_data_evaluates(tmp_path: Path) -> None:
    original, path = checkpointed_localizer(tmp_path)
    module = load_trained(path, toy_data(evaluated="untrimmed"), LocalizerModule)
    assert module.categories.names == UNTRIMMED
    assert not module.training
    assert torch.equal(module.network.moment_classifier.weights(0).cpu(), original.network.moment_classifier.weights(0))


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path)
    with pytest.raises(CheckpointError, match="holds a LocalizerModule, but a SnippetClassifierModule is needed"):
        load_trained(path, toy_data(), SnippetClassifierModule)


def test_other_categories_are_refused(tmp_path: Path) -> None:
    _, path = checkpointed_localizer(tmp_path, Categories(["jump"], MOMENT))
    with pytest.raises(CheckpointError, match="was trained on other untrimmed categories than the data has"):
        load_trained(path, toy_data(), LocalizerModule)


def test_other_frames_or_features_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, path = checkpointed_localizer(tmp_path)
    with pytest.raises(ContractError, match="snippet_stride is 4 in the checkpoint and 2 in the data"):
        load_trained(path, toy_data(contract=small_contract(snippet_stride=2)), LocalizerModule)
    monkeypatch.setattr(LocalizerModule, "depends_on_grid", False)  # like a classifier of single snippets
    assert load_trained(path, toy_data(contract=small_contract(snippet_stride=2)), LocalizerModule).iteration == 3
    mine, others = (replace(small_contract(), weights_sha256=sha) for sha in (fingerprint(module.backbone), "0" * 64))
    assert load_trained(path, toy_data(features=Store(mine)), LocalizerModule).iteration == 3
    with pytest.raises(ContractError, match="weights_sha256 is"):
        load_trained(path, toy_data(features=Store(others)), LocalizerModule)
