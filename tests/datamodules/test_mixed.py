from __future__ import annotations

import json
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from aher_lightning.annotations.records import AnnotatedVideo, Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import AnnotationError, ConfigError, ContractError, DataError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.structures import SnippetSequence, UntrimmedBatch
from aher_lightning.video.contract import TemporalContract
from tests.helpers.toy import DURATION_SEC, MOMENT, UNTRIMMED, ToyDataModule, ToySource, toy_video
from tests.helpers.training import quiet_trainer, toy_localizer


class FakeTrainer:
    """What a data module asks of a trainer."""

    def __init__(self, rank: int = 0, world_size: int = 1, module: object = None) -> None:
        self.default_root_dir, self.overfit_batches = Path("nowhere"), 0
        self.global_rank, self.world_size, self.lightning_module = rank, world_size, module


def batches(data: MixedDataModule, count: int) -> list[TrainingBatch]:
    loader = data.train_dataloader()
    try:
        return [cast("TrainingBatch", batch) for batch, _, _ in islice(loader, count)]
    finally:
        loader.reset()  # ends the loader processes


def evaluation(data: MixedDataModule) -> list[UntrimmedBatch]:
    return [cast("UntrimmedBatch", batch) for batch in data.val_dataloader()]


def test_a_training_batch_has_three_parts_of_one_iteration() -> None:
    for iteration, batch in enumerate(batches(ToyDataModule(), 3)):
        assert list(batch) == ["untrimmed", "foreground", "moments"]
        assert {part.iteration for part in batch.values()} == {iteration}  # type: ignore[attr-defined]
        assert batch["untrimmed"].labels.max() < len(UNTRIMMED)
        assert batch["foreground"].labels.max() < len(UNTRIMMED)
        assert batch["moments"].labels.max() < len(MOMENT)
        assert len(batch["foreground"].snippets.values) < len(batch["untrimmed"].snippets.values)


def test_parts_can_be_left_out_and_moments_cut_short() -> None:
    (batch,) = batches(ToyDataModule(parts=["moments", "foreground"], max_snippets=2, batch_size=3), 1)
    assert set(batch) == {"moments", "foreground"}
    assert batch["moments"].snippets.lengths.tolist() == [2, 2, 2]
    assert batch["foreground"].snippets.lengths.max() <= 2


def test_training_never_sees_evaluation_videos() -> None:
    data = ToyDataModule(batch_size=6)
    seen = {name for batch in batches(data, 4) for part in batch.values() for name in part.video_ids}  # type: ignore[attr-defined]
    scored = {name for batch in evaluation(data) for name in batch.video_ids}
    assert scored == {"val0", "val1", "val2", "val3"}
    assert not seen & scored


def test_an_iteration_is_a_function_of_seed_and_number() -> None:
    def names(seed: int, skipped: int) -> list[list[str]]:
        data = ToyDataModule(seed=seed)
        data._finished_iterations = lambda: skipped  # type: ignore[method-assign]
        return [batch["moments"].video_ids + batch["untrimmed"].video_ids for batch in batches(data, 4 - skipped)]

    assert names(0, 0)[2:] == names(0, 2)
    assert names(0, 0) != names(1, 0)


def test_ranks_share_an_iteration_and_the_evaluation_without_overlap() -> None:
    whole = batches(ToyDataModule(batch_size=4), 1)[0]["moments"].video_ids
    parts, scored = [], []
    for rank in range(2):
        data = ToyDataModule(batch_size=2, eval_batch_size=1)
        data.trainer = cast("Any", FakeTrainer(rank, 2, type("Module", (), {"iteration": 0})()))
        parts += batches(data, 1)[0]["moments"].video_ids
        scored.append([name for batch in evaluation(data) for name in batch.video_ids])
    assert parts == whole
    assert scored == [["val0", "val2"], ["val1", "val3"]]


def test_evaluation_goes_through_every_video_once_in_order() -> None:
    data = ToyDataModule(eval_batch_size=3)
    found = evaluation(data)
    assert [batch.video_ids for batch in found] == [["val0", "val1", "val2"], ["val3"]]
    assert torch.cat([batch.positions for batch in found]).tolist() == [0, 1, 2, 3]
    assert all(batch.iteration == -1 for batch in found)
    for loader in (data.test_dataloader(), data.predict_dataloader()):
        assert [batch.video_ids for batch in cast("Any", loader)] == [batch.video_ids for batch in found]


def test_the_evaluated_categories_can_be_those_with_boundaries() -> None:
    data = ToyDataModule(evaluated="untrimmed")
    assert data.categories.names == UNTRIMMED
    with pytest.raises(AnnotationError, match="no video of the subset 'validation' has an instance"):
        data.evaluation_videos()


def test_segments_beyond_the_video_are_cut_for_training_but_not_for_evaluation() -> None:
    class Beyond(ToyDataModule):
        @property
        def videos(self) -> dict[str, AnnotatedVideo]:
            first, second = Instance("jump", 5.0, 99.0), Instance("wave", 3.0, 4.0)
            other = Instance("clap", 5.0, 99.0)
            return {
                "t": AnnotatedVideo("t", "training", 20.0, (first, second)),
                "v": AnnotatedVideo("v", "validation", 20.0, (other,)),
            }

    data = Beyond(batch_size=1)
    assert batches(data, 1)[0]["untrimmed"].segments_sec[0, 0].tolist() == [5.0, 20.0]
    assert evaluation(data)[0].segments_sec[0, 0].tolist() == [5.0, 99.0]


def test_a_feature_store_sets_the_contract_and_is_read(tmp_path: Path) -> None:
    class FromStore(ToyDataModule):
        source = MixedDataModule.source

    full = TemporalContract(fps=10.0, backbone="P3D", weights_sha256="ab")
    store = NpyFeatureStore.create(tmp_path / "store", full)
    data = FromStore(features=store)
    assert data.contract == full
    assert data.source is store
    assert isinstance(FromStore().source, VideoFolder)
    assert isinstance(data.video_folder(), VideoFolder)
    other = TemporalContract(fps=10.0, snippet_stride=4, std=(1.0, 1.0, 1.0))
    with pytest.raises(
        ContractError, match=r"snippet_stride is 4 in data\.contract and 8 in data\.features; "
    ) as caught:
        _ = FromStore(features=store, contract=other).contract
    options = "--data.contract.snippet_stride=8 --data.contract.std=[0.229,0.224,0.225]"
    assert str(caught.value).endswith(f"; add {options}, or give other features")


class Supervised(ToyDataModule):
    """Toy videos of the moment categories with annotations, for training too."""

    @property
    def videos(self) -> dict[str, AnnotatedVideo]:
        more = {f"am{i}": toy_video(f"am{i}", "training", MOMENT[i % 3]) for i in range(12)}
        return super().videos | more


def test_full_supervision_exchanges_the_roles_of_the_categories() -> None:
    data = Supervised(label_fraction=1.0, batch_size=12)
    assert (data.categories.untrimmed, data.categories.moment) == (MOMENT, [])
    assert (data.evaluated, data.categories.names) == ("untrimmed", MOMENT)
    assert data.parts == ("untrimmed", "foreground")
    (batch,) = batches(data, 1)
    assert list(batch) == ["untrimmed", "foreground"]
    assert set(batch["untrimmed"].video_ids) == {f"am{i}" for i in range(12)}
    assert batch["untrimmed"].labels.max() == len(MOMENT) - 1
    assert [video.video_id for video in data.evaluation_videos()] == ["val0", "val1", "val2", "val3"]
    assert Supervised(label_fraction=1.0, evaluated="untrimmed").categories.names == MOMENT


def test_a_share_of_the_annotated_videos_is_nested_and_the_same_for_every_seed() -> None:
    def chosen(share: float, seed: int = 0) -> set[str]:
        return {video.video_id for video in Supervised(label_fraction=share, seed=seed).untrimmed_videos()}

    assert [len(chosen(share)) for share in (0.1, 0.25, 0.5, 0.6, 1.0)] == [3, 3, 6, 9, 12]
    assert chosen(0.25) < chosen(0.5) < chosen(0.6)
    assert chosen(0.5, seed=1) == chosen(0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_fraction": 0.0}, "'label_fraction' is 0.0, but must be above 0 and at most 1; correct it"),
        ({"label_fraction": 1.5}, "'label_fraction' is 1.5, but"),
        ({"label_fraction": 0.5, "parts": ["untrimmed", "moments"]}, 'there are no moments; remove "moments" from'),
        ({"label_fraction": 0.5, "evaluated": "all"}, "there is one category set; set 'evaluated' to \"untrimmed\""),
        ({"batch_size": 0}, "must be at least 1; correct them"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Supervised(**options)


def test_rules_decide_which_annotations_are_trained_on_and_leave_evaluation_alone() -> None:
    def spans(**rules: Any) -> tuple[int, int]:
        """Most instances of an untrimmed video, and number of foregrounds."""
        data = ToyDataModule(rules=SampleRules(**rules), batch_size=6)
        untrimmed = batches(data, 1)[0]["untrimmed"]
        assert all(batch.segments_sec.shape[1] == 2 for batch in evaluation(data))
        return untrimmed.segments_sec.shape[1], len(data._foreground_dataset())

    assert spans() == (2, 12)
    assert spans(foregrounds="first") == (2, 6)
    assert spans(max_instances=1) == (1, 6)
    assert spans(one_label=True) == (2, 12)


def test_rules_widen_foregrounds_and_cut_moments() -> None:
    class CutMoments(ToyDataModule):
        def moment_clips(self) -> list[TrimmedClip]:
            return [TrimmedClip(f"val{i}", (3.0, 4.0), label) for i, label in enumerate(MOMENT)]

    # The toy source has a snippet per second, and so has this contract; spans of foregrounds take 4.5 seconds.
    contract = TemporalContract(fps=10.0, clip_length=10, snippet_stride=10, first_centre_frames=5.0)
    short = CutMoments(contract=contract, batch_size=6)
    long = CutMoments(
        contract=contract, batch_size=6, rules=SampleRules(min_foreground_snippets=8, min_moment_snippets=3)
    )
    (before,), (after,) = batches(short, 1), batches(long, 1)
    assert set(before["foreground"].snippets.lengths.tolist()) <= {4, 5}
    assert set(before["moments"].snippets.lengths.tolist()) == {1}
    assert set(after["foreground"].snippets.lengths.tolist()) == {8}
    assert set(after["moments"].snippets.lengths.tolist()) == {3}


class PartialSource(ToySource):
    """A source that lacks some videos, and fails on others."""

    def __init__(self, data: MixedDataModule, absent: set[str], broken: set[str]) -> None:
        super().__init__(data.videos, data.moment_clips())
        self.absent, self.broken = absent, broken

    @property
    def video_ids(self) -> list[str]:
        return [name for name in super().video_ids if name not in self.absent]

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        if video_id in self.broken:
            raise VideoError(f"{video_id}.mp4: is broken; mend it")
        return super().read(video_id, span_sec)


class PartialData(ToyDataModule):
    """Toy data of which some is missing or broken."""

    def __init__(self, *, absent: set[str] | None = None, broken: set[str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.absent, self.broken = absent or set(), broken or set()

    @property
    def source(self) -> PartialSource:
        return PartialSource(self, self.absent, self.broken)


def in_folder(data: MixedDataModule, folder: Path) -> MixedDataModule:
    """Attach a trainer that writes into a folder."""
    trainer = FakeTrainer(module=type("Module", (), {"iteration": 0})())
    trainer.default_root_dir = folder
    data.trainer = cast("Any", trainer)
    return data


def seen(data: MixedDataModule, count: int = 4) -> dict[str, list[list[str]]]:
    """The videos of some training batches, and of all evaluation batches, by part."""
    made = batches(data, count)
    found = {part: [batch[part].video_ids for batch in made] for part in ("untrimmed", "foreground", "moments")}
    return {**found, "evaluation": [batch.video_ids for batch in evaluation(data)]}


def flat(names: list[list[str]]) -> set[str]:
    return {name for batch in names for name in batch}


def test_missing_videos_are_left_out_and_told_once_per_part(caplog: pytest.LogCaptureFixture) -> None:
    data = PartialData(absent={"train1", "train4", "clap0", "val2"})
    for _ in range(2):
        found = seen(data)
        assert flat(found["untrimmed"]) == flat(found["foreground"]) == {"train0", "train2", "train3", "train5"}
        assert "clap0" not in flat(found["moments"])
        assert found["evaluation"] == [["val0", "val1", "val3"]]
    assert caplog.messages == [
        "left out 2 of 6 videos of training: no file ('train1' first)",
        "left out 1 of 9 moments: no file ('clap0' first)",
        "left out 1 of 4 videos of evaluation: no file ('val2' first)",
    ]
    assert data.num_evaluation_videos == 4


def test_missing_videos_can_be_an_error() -> None:
    data = PartialData(absent={"train1", "val2"}, on_missing="error")
    with pytest.raises(DataError, match=r"^1 of 6 videos of training have no file \('train1' first\); add them, or"):
        data.train_dataloader()
    with pytest.raises(DataError, match=r"^1 of 4 videos of evaluation have no file \('val2' first\)"):
        data.val_dataloader()


def test_nothing_left_is_an_error() -> None:
    data = PartialData(absent={f"val{i}" for i in range(4)})
    with pytest.raises(DataError, match=r"^none of the 4 videos of evaluation can be used: no file \('val0' first\)"):
        data.val_dataloader()


def test_known_unusable_videos_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "check.json").write_text('{"version": 1, "unusable": [{"video": "train0"}, {"video": "val1"}]}')
    data = PartialData(absent={"val2"}, quarantine=tmp_path / "check.json")
    found = seen(data)
    assert "train0" not in flat(found["untrimmed"]) | flat(found["foreground"])
    assert found["evaluation"] == [["val0", "val3"]]
    assert caplog.messages == [
        "left out 1 of 6 videos of training: 1 in quarantine ('train0' first)",
        "left out 2 of 4 videos of evaluation: no file ('val2' first), 1 in quarantine ('val1' first)",
    ]


def test_messages_name_the_place_of_the_features(tmp_path: Path) -> None:
    class FromStore(ToyDataModule):
        source = MixedDataModule.source

    store = NpyFeatureStore.create(tmp_path / "store", TemporalContract(fps=10.0))
    with pytest.raises(DataError, match=r"of evaluation can be used: no features in .*store \('val0' first\)"):
        FromStore(features=store).val_dataloader()


BROKEN = {"train1", "clap0", "val0", "val1"}


@pytest.mark.parametrize("num_workers", [0, 2])
def test_broken_videos_are_replaced_in_training_and_left_out_of_evaluation(num_workers: int, tmp_path: Path) -> None:
    data = PartialData(broken=BROKEN, num_workers=num_workers, eval_batch_size=2 if num_workers == 0 else 1)
    found = seen(in_folder(data, tmp_path))
    whole = seen(ToyDataModule(eval_batch_size=2))
    for part in ("untrimmed", "foreground", "moments"):
        assert not flat(found[part]) & BROKEN
        pairs = zip(chain(*found[part]), chain(*whole[part]), strict=True)
        assert all(ours == theirs for ours, theirs in pairs if theirs not in BROKEN)
    # A batch of which nothing is left does not appear.
    assert found["evaluation"] == ([["val2", "val3"]] if num_workers == 0 else [["val2"], ["val3"]])
    lines = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert {line["video"]: line["reason"] for line in lines} == {
        name: f"{name}.mp4: is broken; mend it" for name in BROKEN
    }
    # Handed back, they are left out from the start.
    again = PartialData(quarantine=tmp_path / "quarantine.jsonl")
    assert not flat(seen(again)["untrimmed"]) & BROKEN


def test_what_replaces_broken_videos_does_not_depend_on_the_loader_processes(tmp_path: Path) -> None:
    found = [seen(in_folder(PartialData(broken=BROKEN, num_workers=count), tmp_path)) for count in (0, 1)]
    assert found[0] == found[1]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_mostly_broken_data_stops_with_one_line(num_workers: int, tmp_path: Path) -> None:
    data = PartialData(broken={f"train{i}" for i in range(5)}, num_workers=num_workers, parts=["untrimmed"])
    with pytest.raises(DataError) as caught:
        batches(in_folder(data, tmp_path), 4)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("4 of 6 videos of 'untrimmed' cannot be read; repair the files; last error: ")


def test_the_files_of_broken_videos_are_named(tmp_path: Path) -> None:
    class FromFiles(ToyDataModule):
        source = MixedDataModule.source

        def video_paths(self) -> dict[str, Path]:
            return {name: tmp_path / f"{name}.mp4" for name in self.videos}

        def file_folders(self) -> list[Path]:
            return [tmp_path]

    data = FromFiles(time_limit_sec=2.5, cache_frames=True)
    folder = data.video_folder()
    assert (folder.frames.time_limit_sec, folder.cache_frames) == (2.5, True)
    assert evaluation(in_folder(data, tmp_path)) == []
    first = json.loads((tmp_path / "quarantine.jsonl").read_text().splitlines()[0])
    assert (first["video"], first["path"]) == ("val0", str(tmp_path / "val0.mp4"))
    assert "val0.mp4" in first["reason"]
    with pytest.raises(DataError, match=rf"none of the 9 moments can be used: no file in {tmp_path} \('clap0' first\)"):
        data.train_dataloader()


def test_a_module_that_counts_no_iterations_is_refused() -> None:
    data = ToyDataModule()
    data.trainer = cast("Any", FakeTrainer(module=object()))
    with pytest.raises(ConfigError, match="the module counts no iterations; train a module of this package"):
        batches(data, 1)


def test_windows_are_as_long_as_all_but_the_longest_training_videos() -> None:
    class OfSomeLengths(ToyDataModule):
        lengths: tuple[float, ...] = (30.0, 10.0, 20.0, 500.0, 12.0, 11.0, 13.0, 14.0, 15.0, 16.0)

        def untrimmed_videos(self) -> list[AnnotatedVideo]:
            return [toy_video(f"v{one}", "training", "jump")._replace(duration_sec=one) for one in self.lengths]

    class OfTwo(OfSomeLengths):
        lengths = OfSomeLengths.lengths[3:5]

    assert ToyDataModule().window_sec == DURATION_SEC
    assert OfSomeLengths().window_sec == 30.0
    assert OfTwo().window_sec == 500.0
    assert OfSomeLengths(parts=["moments"]).window_sec is None


def test_samplers_that_lightning_would_replace_are_refused(tmp_path: Path) -> None:
    trainer = quiet_trainer(tmp_path, overfit_batches=1)
    with pytest.raises(ConfigError, match=r"^'trainer\.overfit_batches' replaces samplers; remove it, and train on"):
        trainer.fit(toy_localizer(), datamodule=ToyDataModule())


class OfHours(ToyDataModule):
    """Training videos of an hour, with actions of 4.5 seconds."""

    def untrimmed_videos(self) -> list[AnnotatedVideo]:
        return [video._replace(duration_sec=3600.0) for video in super().untrimmed_videos()]


def test_long_training_videos_are_cut_into_windows_of_a_given_or_suitable_length() -> None:
    assert OfHours().training_window_sec is None
    assert OfHours().window_sec == 3600.0
    assert OfHours(window_sec=90).training_window_sec == OfHours(window_sec=90).window_sec == 90
    assert OfHours(window_sec="auto").training_window_sec == 16 * 4.5
    (whole,), (cut,) = batches(OfHours(), 1), batches(OfHours(window_sec="auto"), 1)
    assert whole["untrimmed"].durations_sec.tolist() == [3600.0] * 4
    assert cut["untrimmed"].durations_sec.tolist() == pytest.approx([72.0] * 4)
    assert [batch.durations_sec.tolist() for batch in evaluation(OfHours(window_sec="auto"))] == [[DURATION_SEC] * 4]


def test_window_lengths_are_checked() -> None:
    with pytest.raises(ConfigError, match="'window_sec' is -1, but must be positive; correct it or leave it out"):
        ToyDataModule(window_sec=-1)
    data = ToyDataModule(window_sec="auto")
    data.untrimmed_videos = list  # type: ignore[method-assign]
    with pytest.raises(ConfigError, match="'window_sec: auto' needs annotated actions; give a length in seconds"):
        _ = data.training_window_sec
