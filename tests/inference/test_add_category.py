from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning import __version__
from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import AherError, CheckpointError, ConfigError, ContractError, DataError
from aher_lightning.inference.add_category import add_categories, level_problems
from aher_lightning.inference.category_list import describe_categories, remove_categories
from aher_lightning.inference.category_training import train_categories
from aher_lightning.inference.localizer import Localizer
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.backbones.p3d_small import P3DSmall
from aher_lightning.models.bank_content import read_bank
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import AddedCategory, Categories, LevelOutputs
from tests.helpers.added import remembering_checkpoint, stored_labels, teach_briefly, write_clips
from tests.helpers.toy import MOMENT, UNTRIMMED
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import quiet_trainer, small_contract, toy_classifier
from tests.helpers.videos import VideoSpec, write_video


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    teach_briefly(monkeypatch)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return remembering_checkpoint(tmp_path)


def network_logits(path: Path) -> torch.Tensor:
    module = load_module(path)
    assert isinstance(module, PhasedModule)
    with torch.no_grad():
        features = torch.rand(2, 8, 32, generator=torch.Generator().manual_seed(0))
        outputs: LevelOutputs = module.network(features, "moment")
    return outputs.class_logits


def test_a_checkpoint_gets_categories_and_nothing_else_changes(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", yawn=3, bow=2)
    before = checkpoint.read_bytes()
    added = add_categories(checkpoint, moments, tmp_path / "out" / "more.ckpt")
    assert added.categories == [AddedCategory("bow", 2, __version__), AddedCategory("yawn", 3, __version__)]
    assert added.unusable == []
    assert checkpoint.read_bytes() == before
    old, new = read_checkpoint(checkpoint), read_checkpoint(tmp_path / "out" / "more.ckpt")
    assert all(torch.equal(value, new["state_dict"][name]) for name, value in old["state_dict"].items())
    assert [one.name for one in describe_categories(tmp_path / "out" / "more.ckpt")] == [
        *UNTRIMMED,
        *MOMENT,
        "bow",
        "yawn",
    ]
    ours, theirs = network_logits(tmp_path / "out" / "more.ckpt"), network_logits(checkpoint)
    assert ours.shape[1] == 5
    assert torch.equal(ours[:, :3], theirs)
    assert stored_labels(tmp_path / "out" / "more.ckpt") == [*stored_labels(checkpoint), 3, 3, 4, 4, 4]
    module = load_module(tmp_path / "out" / "more.ckpt")
    assert isinstance(module, PhasedModule)
    classifier = module.network.added_classifier
    assert classifier is not None
    assert torch.equal(classifier.weights(2), added.training.levels[2].weight)


def test_the_localizer_finds_added_categories(checkpoint: Path, tmp_path: Path) -> None:
    add_categories(checkpoint, write_clips(tmp_path / "moments", bow=2), tmp_path / "more.ckpt")
    localizer = Localizer.from_checkpoint(tmp_path / "more.ckpt")
    assert localizer.categories == [*MOMENT, "bow"]
    found = localizer.localize(write_video(tmp_path / "a.mp4", VideoSpec(num_frames=40)))
    assert found.detections.labels.max() < 4


def test_categories_join_one_after_another(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", yawn=2, bow=2)
    first, second, third = (tmp_path / f"{number}.ckpt" for number in range(3))
    add_categories(checkpoint, moments, first, categories=["yawn"])
    add_categories(first, moments, second, categories=["bow"])
    assert [one.name for one in describe_categories(second)][-2:] == ["yawn", "bow"]
    assert torch.equal(network_logits(second)[:, :4], network_logits(first))
    with pytest.raises(ConfigError, match="category 'yawn' already exists"):
        add_categories(second, moments, third, categories=["yawn"])


def test_the_result_repeats(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=3)
    states = []
    for name in ("1.ckpt", "2.ckpt"):
        add_categories(checkpoint, moments, tmp_path / name)
        states.append(read_checkpoint(tmp_path / name)["state_dict"])
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_broken_clips_are_left_out_and_named(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=2)
    (moments / "bow" / "broken.mp4").write_text("no video")
    added = add_categories(checkpoint, moments, tmp_path / "more.ckpt")
    assert added.categories[0].clips == 2
    assert len(added.unusable) == 1
    assert "broken.mp4" in added.unusable[0]


def test_progress_is_told(checkpoint: Path, tmp_path: Path) -> None:
    told: dict[str, list[str]] = {}
    totals: dict[str, int] = {}

    @contextmanager
    def show(title: str, total: int) -> Any:
        class Listener:
            def advance(self, steps: int = 1, *, note: str = "") -> None:
                assert steps == 1
                told.setdefault(title, []).append(note)

        totals[title] = total
        yield Listener()

    add_categories(checkpoint, write_clips(tmp_path / "moments", bow=2), tmp_path / "more.ckpt", show=show)
    assert {title: len(notes) for title, notes in told.items()} == totals
    assert told["Reading clips"] == ["bow--0", "bow--1"]


# Background, and fine-tuning


@pytest.mark.parametrize("bank", [{"num_videos": 0}, {"dense": True}])
def test_without_background_rows_are_those_of_whole_clips(bank: dict[str, Any], tmp_path: Path) -> None:
    checkpoint = remembering_checkpoint(tmp_path, **bank)
    moments = write_clips(tmp_path / "moments", bow=2)
    added = add_categories(checkpoint, moments, tmp_path / "more.ckpt")
    assert not added.is_taught
    module = load_module(checkpoint)
    assert isinstance(module, PhasedModule)
    stored = read_bank(read_checkpoint(tmp_path / "more.ckpt")[STATE_KEY][FEATURE_BANK_KEY])
    expected = train_categories(level_problems(module, stored.moments), 1)
    pairs = zip(added.training.levels, expected.levels, strict=True)
    assert all(torch.equal(one.weight, other.weight) for one, other in pairs)
    with pytest.raises(CheckpointError, match=r"has no video with background in its feature bank .* leave --fine-tune"):
        add_categories(checkpoint, moments, tmp_path / "tuned.ckpt", fine_tune=True)


def test_fine_tuning_gives_an_ordinary_checkpoint_with_added_categories(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", yawn=2, bow=2)
    first, tuned, last = (tmp_path / f"{number}.ckpt" for number in range(3))
    add_categories(checkpoint, moments, first, categories=["yawn"])
    added = add_categories(first, moments, tuned, categories=["bow"], fine_tune=True)
    assert added.is_taught
    old, new = (read_checkpoint(path)["state_dict"] for path in (first, tuned))
    same = {name for name, value in old.items() if name in new and torch.equal(value, new[name])}
    assert {name for name in old if name.startswith("backbone.")} <= same
    assert not any(name.startswith(("network.pyramid.", "network.moment_classifier.")) for name in same)
    assert not torch.equal(network_logits(tuned)[:, :4], network_logits(first))
    listed = {one.name: one.provenance for one in describe_categories(tuned)}
    assert (listed["nod"], listed["yawn"], listed["bow"]) == ("moment", "added", "added")
    # It can go on as any other: the next category changes nothing again, and what was added can be removed.
    (moments / "bow").rename(moments / "curtsy")
    add_categories(tuned, moments, last, categories=["curtsy"])
    assert torch.equal(network_logits(last)[:, :5], network_logits(tuned))
    remove_categories(last, ["yawn", "curtsy"], last, overwrite=True)
    assert torch.equal(network_logits(last), network_logits(tuned)[:, [0, 1, 2, 4]])


# Checkpoints without memory


def test_negatives_take_the_place_of_a_memory(tmp_path: Path) -> None:
    checkpoint = checkpointed_localizer(tmp_path)[1]
    moments = write_clips(tmp_path / "moments", bow=2)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: has no feature bank .* by --negatives DIR"):
        add_categories(checkpoint, moments, tmp_path / "more.ckpt")
    negatives = write_clips(tmp_path / "negatives", nod=2, clap=1)
    add_categories(checkpoint, moments, tmp_path / "more.ckpt", negatives=negatives)
    assert stored_labels(tmp_path / "more.ckpt") == [0, 2, 2, 3, 3]
    assert torch.equal(network_logits(tmp_path / "more.ckpt")[:, :3], network_logits(checkpoint))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "has no sub-folder of clips"),
        ({"jump": 1}, "'jump' is no moment category of the checkpoint"),
        ({"nod": 0}, "nod: has 0 usable clips, but a category needs at least 1"),
    ],
)
def test_unsuitable_negatives_are_refused(names: dict[str, int], message: str, tmp_path: Path) -> None:
    checkpoint = checkpointed_localizer(tmp_path)[1]
    negatives = write_clips(tmp_path / "negatives", **names)
    with pytest.raises(AherError, match=message):
        add_categories(
            checkpoint, write_clips(tmp_path / "moments", bow=2), tmp_path / "more.ckpt", negatives=negatives
        )
    assert not (tmp_path / "more.ckpt").exists()


# Refusals; nothing is written


def refuse(checkpoint: Path, moments: Path, kind: type[AherError], message: str, **options: Any) -> None:
    with pytest.raises(kind, match=message) as caught:
        add_categories(checkpoint, moments, moments.parent / "more.ckpt", **options)
    assert "\n" not in str(caught.value)
    assert not (moments.parent / "more.ckpt").exists()


def test_unsuitable_clips_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=2, yawn=1)
    refuse(checkpoint, moments, DataError, "yawn: has 1 usable clips")
    (moments / "yawn" / "broken.mp4").write_text("no video")
    refuse(checkpoint, moments, DataError, "yawn: has 1 usable clips")
    refuse(checkpoint, moments, DataError, "no folder of moments for category 'sneeze'", categories=["sneeze"])
    refuse(checkpoint, tmp_path / "none", DataError, "no such folder")
    (tmp_path / "only_broken" / "bow").mkdir(parents=True)
    for name in "ab":
        (tmp_path / "only_broken" / "bow" / f"{name}.mp4").touch()
    refuse(checkpoint, tmp_path / "only_broken", DataError, "bow: has 0 usable clips")


def test_an_output_that_is_there_is_refused_unless_asked_for(checkpoint: Path, tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=2)
    with pytest.raises(CheckpointError, match=r"last\.ckpt: already exists; .* --overwrite"):
        add_categories(checkpoint, moments, checkpoint)
    add_categories(checkpoint, moments, checkpoint, overwrite=True)
    assert [one.name for one in describe_categories(checkpoint)][-1] == "bow"


def test_unsuitable_checkpoints_are_refused(tmp_path: Path) -> None:
    moments = write_clips(tmp_path / "moments", bow=2)
    for sets, message in (
        (Categories(UNTRIMMED, MOMENT, "untrimmed"), "detects untrimmed categories only"),
        (Categories(UNTRIMMED, []), "knows no moment categories"),
    ):
        checkpoint = checkpointed_localizer(tmp_path, sets)[1]
        refuse(checkpoint, moments, CheckpointError, message)
    refuse(tmp_path / "none.ckpt", moments, CheckpointError, "no such checkpoint")


def test_a_module_whose_categories_are_fixed_is_refused(tmp_path: Path) -> None:
    module = toy_classifier(backbone=P3DSmall())
    module.contract = small_contract()
    module.configuration = {
        "class_path": "aher_lightning.modules.snippet_classifier.SnippetClassifierModule",
        "init_args": {"backbone": {"class_path": "aher_lightning.models.backbones.p3d_small.P3DSmall"}},
    }
    trainer = quiet_trainer(tmp_path)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "classifier.ckpt")
    moments = write_clips(tmp_path / "moments", bow=2)
    refuse(tmp_path / "classifier.ckpt", moments, CheckpointError, "holds a SnippetClassifierModule, whose categories")


def test_a_checkpoint_without_contract_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(checkpoint)
    content[STATE_KEY]["contract"] = None
    torch.save(content, checkpoint)
    refuse(checkpoint, write_clips(tmp_path / "moments", bow=2), ContractError, "no temporal contract yet")
