from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger

from aher_lightning.annotations.records import AnnotatedVideo
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.callbacks import IterationCheckpoint
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.errors import CheckpointError, ConfigError, ContractError, DataError, VideoError
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.base import CLIPS_AT_ONCE
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.base import BaseModule, EvaluationOutput
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.proposal_classifier import ProposalClassifierModule
from aher_lightning.modules.snippet_classifier import SnippetClassifierModule
from aher_lightning.ops.resample import Resampling, resample_sequences
from aher_lightning.structures import Categories, SnippetSequence
from aher_lightning.video.contract import TemporalContract
from tests.helpers.end_to_end import tiny_backbone
from tests.helpers.gloo import run_on_processes
from tests.helpers.toy import (
    CATEGORIES,
    CHANNELS,
    DURATION_SEC,
    MOMENT,
    UNTRIMMED,
    MeanBackbone,
    ToyDataModule,
    ToySource,
    toy_network,
)
from tests.helpers.training import (
    pixels,
    quiet_trainer,
    small_contract,
    toy_classifier,
    toy_localizer,
    train,
    untrimmed_batch,
)


def test_features_of_pixels_and_cached_features_agree() -> None:
    module = toy_localizer().eval()
    module.contract = small_contract()
    clips = pixels(5)
    features = module.snippet_features(clips.values)
    assert features.shape == (5, CHANNELS)
    assert torch.equal(module.snippet_features(features), features)
    from_pixels = module.encode(clips, 8)
    torch.testing.assert_close(from_pixels, module.encode(clips._replace(values=features), 8))
    assert from_pixels.shape == (1, CHANNELS, 8)


@pytest.mark.parametrize("kind", [AherModule, LocalizerModule, ProposalClassifierModule])
def test_resampling_is_an_option_of_every_module_that_localizes(
    kind: type[AherModule | LocalizerModule | ProposalClassifierModule],
) -> None:
    released = Resampling((0, 1 / 2, 1), "zeros")
    snippets = pixels(3, 2)._replace(values=torch.arange(5.0 * CHANNELS).reshape(5, CHANNELS))
    default, other = (
        kind(CATEGORIES, backbone=MeanBackbone(), network=toy_network, resampling=resampling)
        for resampling in (None, released)
    )
    assert default.resampling == Resampling()
    for module in (default, other):
        expected = resample_sequences(*snippets, 12, module.resampling)
        torch.testing.assert_close(module.encode(snippets, 12), expected)
    assert not other.encode(snippets, 12)[..., 0].any()
    assert default.encode(snippets, 12)[..., 0].any()


def test_many_clips_run_through_in_parts() -> None:
    module = toy_localizer().eval()
    module.contract = small_contract()
    sizes: list[int] = []
    module.backbone.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    features = module.snippet_features(pixels(2 * CLIPS_AT_ONCE + 1).values)
    assert sizes == [CLIPS_AT_ONCE, CLIPS_AT_ONCE, 1]
    torch.testing.assert_close(features[-1:], module.snippet_features(pixels(2 * CLIPS_AT_ONCE + 1).values[-1:]))


def test_pixels_stay_small_until_their_turn_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normalization and augmentation see the chunks of the backbone, in training too."""
    sizes: list[tuple[str, int]] = []

    def note(name: str, clips: torch.Tensor) -> torch.Tensor:
        sizes.append((name, len(clips)))
        return clips

    monkeypatch.setattr("aher_lightning.modules.base.normalize_clips", lambda clips, *_: note("normal", clips.float()))
    augmentation = torch.nn.Identity()
    augmentation.register_forward_hook(lambda *arguments: note("changed", arguments[2]))
    torch.manual_seed(0)
    backbone = tiny_backbone(clips_per_chunk=3, freeze_batch_norm=True)
    module = SnippetClassifierModule(CATEGORIES, backbone=backbone).train()
    module.contract = small_contract()
    assert module.snippet_features(pixels(5).values, augmentation).shape == (5, CHANNELS)
    assert sizes == [("normal", 3), ("changed", 3), ("normal", 2), ("changed", 2)]


def test_a_backbone_in_training_mode_sees_all_clips_at_once() -> None:
    module = toy_localizer()
    module.contract = small_contract()
    module.backbone.train()
    sizes: list[int] = []
    module.backbone.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    module.snippet_features(pixels(CLIPS_AT_ONCE + 1).values)
    assert sizes == [CLIPS_AT_ONCE + 1]


def test_half_precision_features_are_widened() -> None:
    assert toy_localizer().snippet_features(torch.zeros(2, CHANNELS, dtype=torch.float16)).dtype == torch.float32


def test_features_of_another_size_are_refused() -> None:
    with pytest.raises(ContractError, match="features have 5 channels and the backbone 8; extract them"):
        toy_localizer().snippet_features(torch.zeros(2, 5))


def test_pixels_need_a_contract() -> None:
    with pytest.raises(ContractError, match="no temporal contract yet: attach a data module or load a checkpoint"):
        toy_localizer().snippet_features(pixels(1).values)


def test_data_brings_its_contract(tmp_path: Path) -> None:
    module = toy_localizer()
    train(module, tmp_path)
    assert module.contract == TemporalContract(fps=10.0)


def test_a_checkpoint_holds_what_it_takes_to_go_on(tmp_path: Path) -> None:
    module = toy_localizer()
    train(module, tmp_path, 2)
    state = read_checkpoint(tmp_path / "last.ckpt")[STATE_KEY]
    assert state["iteration"] == module.iteration == 2
    assert state["categories"] == {"untrimmed": UNTRIMMED, "moment": MOMENT, "evaluated": "moment"}
    contract = TemporalContract.from_dict(state["contract"])
    assert (contract.backbone, contract.weights_sha256) == ("MeanBackbone", fingerprint(module.backbone))
    restored = toy_localizer()
    restored.on_load_checkpoint({STATE_KEY: state})
    assert (restored.iteration, restored.contract) == (2, contract)


def state(**changes: Any) -> dict[str, Any]:
    whole = {"configuration": {}, "categories": vars(CATEGORIES), "contract": None, "window_sec": None, "iteration": 1}
    return {STATE_KEY: whole | {"version": "0.1.0", "added": []} | changes}


def test_a_checkpoint_says_how_long_the_videos_of_training_were(tmp_path: Path) -> None:
    assert toy_localizer().window_sec is None
    module = toy_localizer()
    trainer = train(module, tmp_path)
    assert module.window_sec == DURATION_SEC
    content = torch.load(tmp_path / "last.ckpt")
    assert content[STATE_KEY]["window_sec"] == DURATION_SEC
    restored = toy_localizer()
    restored.on_load_checkpoint(content)
    assert restored.window_sec == DURATION_SEC
    # Evaluation does not change it.
    module.window_sec = None
    trainer.validate(module, datamodule=ToyDataModule(), verbose=False)
    assert module.window_sec is None


def test_long_videos_are_evaluated_in_the_windows_of_the_data(tmp_path: Path) -> None:
    module = toy_localizer()
    trainer = train(module, tmp_path)
    found = {}
    for window_sec in (None, 8.0):
        data = ToyDataModule(window_sec=window_sec)
        outputs = cast("Any", trainer.predict(module, datamodule=data))
        assert module.evaluation_window_sec == window_sec
        found[window_sec] = outputs[0].detections[0].segments
    assert (found[8.0].diff(dim=1) <= 8.0).all()
    assert (found[None].diff(dim=1) > 8.0).any()


def test_checkpoints_of_something_else_are_refused() -> None:
    module = toy_localizer()
    with pytest.raises(CheckpointError, match="not written by this package"):
        module.on_load_checkpoint({})
    other = vars(Categories(UNTRIMMED, ["yawn"]))
    with pytest.raises(CheckpointError, match="trained for other moment categories than the data has"):
        module.on_load_checkpoint(state(categories=other))
    module.contract = TemporalContract(fps=10.0)
    with pytest.raises(ContractError, match=r"fps is 10\.0 in the data and 25\.0 in the checkpoint; use data or"):
        module.on_load_checkpoint(state(contract=TemporalContract(fps=25.0).to_dict()))


def test_who_extracted_the_features_does_not_matter_for_loading() -> None:
    module = toy_localizer()
    module.contract = TemporalContract(fps=10.0, reader="PyAVReader")
    module.on_load_checkpoint(state(contract=TemporalContract(fps=10.0, weights_sha256="ab").to_dict()))
    assert module.iteration == 1


@pytest.mark.parametrize("verb", ["fit", "validate", "test", "predict"])
def test_features_of_other_weights_are_refused(verb: str, tmp_path: Path) -> None:
    data = ToyDataModule(contract=TemporalContract(fps=10.0, weights_sha256="0" * 64))
    trainer = quiet_trainer(tmp_path, limit_val_batches=1)
    with pytest.raises(ContractError, match="weights_sha256: the features were extracted by other backbone weights"):
        getattr(trainer, verb)(toy_localizer(), datamodule=data)


def test_test_and_predict_return_detections_of_every_video(tmp_path: Path) -> None:
    module = toy_localizer()
    outputs = quiet_trainer(tmp_path).predict(module, datamodule=ToyDataModule(eval_batch_size=3))
    assert outputs is not None
    assert all(isinstance(output, EvaluationOutput) for output in outputs)
    assert [name for output in outputs for name in output.video_ids] == ["val0", "val1", "val2", "val3"]  # type: ignore[union-attr]
    (metrics,) = quiet_trainer(tmp_path).test(module, datamodule=ToyDataModule(), verbose=False)
    assert {"test/mAP", "test/mAP@0.50", "test/AR@100", "test/AUC"} <= set(metrics)
    assert {"test/oracle_labels/mAP", "test/oracle_segments/mAP"} <= set(metrics)
    assert not [key for key in metrics if "moment" in key or "harmonic" in key]


class HalfBroken(ToyDataModule):
    """Some validation videos cannot be read."""

    broken: tuple[str, ...] = ("val1", "val2")

    @property
    def source(self) -> BrokenSource:
        return BrokenSource(self.videos, self.moment_clips(), self.broken)


class BrokenSource(ToySource):
    """A toy source that fails on some videos."""

    def __init__(self, videos: dict[str, AnnotatedVideo], clips: list[TrimmedClip], broken: tuple[str, ...]) -> None:
        super().__init__(videos, clips)
        self.broken = broken

    def read(self, video_id: str, span_sec: tuple[float, float] | None = None) -> SnippetSequence:
        if video_id in self.broken:
            raise VideoError(f"{video_id}.mp4: is broken; mend it")
        return super().read(video_id, span_sec)


@pytest.mark.parametrize("num_workers", [0, 1])
def test_broken_videos_are_left_out_of_the_scores_and_lower_the_coverage(
    num_workers: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = toy_localizer()
    data = HalfBroken(eval_batch_size=1, num_workers=num_workers)
    (tested,) = quiet_trainer(tmp_path).test(module, datamodule=data, verbose=False)
    assert tested["test/coverage"] == 0.5
    assert "evaluated 2 of 4 videos (50.0 %)" in caplog.text
    assert {line[:16] for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()} == {
        '{"video": "val1"',
        '{"video": "val2"',
    }
    # The scores are those of a data set without these videos.
    whole = ToyDataModule(quarantine=tmp_path / "quarantine.jsonl")
    (alone,) = quiet_trainer(tmp_path).test(module, datamodule=whole, verbose=False)
    assert alone == tested
    outputs = quiet_trainer(tmp_path).predict(module, datamodule=HalfBroken(eval_batch_size=2))
    assert [out.video_ids for out in outputs] == [["val0"], ["val3"]]  # type: ignore[union-attr]


def test_complete_data_has_full_coverage_and_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for verb, split in (("validate", "val"), ("test", "test")):
        trainer = quiet_trainer(tmp_path, limit_val_batches=1.0)
        (values,) = getattr(trainer, verb)(toy_localizer(), datamodule=ToyDataModule(), verbose=False)
        assert values[f"{split}/coverage"] == 1.0
    assert "evaluated" not in caplog.text
    loader = ToyDataModule().test_dataloader()
    (values,) = quiet_trainer(tmp_path).test(toy_localizer(), dataloaders=loader, verbose=False)
    assert "test/coverage" not in values


def test_training_logs_the_coverage_of_each_validation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = quiet_trainer(tmp_path, 2, limit_val_batches=1.0, val_check_interval=1)
    trainer.fit(toy_classifier(), datamodule=HalfBroken())
    assert trainer.callback_metrics["val/coverage"] == 0.5
    assert sum("quarantined video" in text for text in caplog.messages) == 2
    assert "evaluated" not in caplog.text


def test_a_resumed_run_with_broken_videos_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    class Broken(HalfBroken):
        broken = ("train1", "train4", "clap0")

    def fit(name: str, iterations: int, num_workers: int, resume: Path | None = None) -> dict[str, torch.Tensor]:
        module, trainer = toy_localizer(), quiet_trainer(tmp_path / name, iterations)
        trainer.fit(module, datamodule=Broken(num_workers=num_workers), ckpt_path=resume)
        return module.state_dict()

    whole, _ = fit("whole", 4, 0), fit("half", 2, 1)
    resumed = fit("resumed", 4, 1, tmp_path / "half" / "last.ckpt")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_nothing_evaluated_is_an_error(tmp_path: Path) -> None:
    class AllBroken(HalfBroken):
        broken = ("val0", "val1", "val2", "val3")

    with pytest.raises(DataError, match="none of the 4 evaluation videos could be read; repair or replace"):
        quiet_trainer(tmp_path).test(toy_localizer(), datamodule=AllBroken(), verbose=False)


def count_on_rank(rank: int) -> tuple[int, float]:
    """Videos of both processes, of which one has none, and the coverage."""
    module = toy_localizer()
    if rank == 0:
        module.test_step(next(iter(ToyDataModule().test_dataloader())), 0)
    return module.test_metrics.count_videos_over_processes(), float(module.test_metrics.compute()["test/AUC"])


@pytest.mark.ddp
def test_the_videos_of_all_processes_are_counted(tmp_path: Path) -> None:
    found = run_on_processes(count_on_rank, 2, tmp_path)
    assert found[0] == found[1]
    assert cast("tuple[int, float]", found[0])[0] == 4


def test_a_second_evaluation_does_not_add_to_the_first(tmp_path: Path) -> None:
    module, trainer = toy_localizer(), quiet_trainer(tmp_path)
    first, second = (trainer.test(module, datamodule=ToyDataModule(), verbose=False) for _ in range(2))
    assert first == second


def test_initial_weights_are_copied_and_later_ones_win(tmp_path: Path) -> None:
    trained = toy_classifier()
    train(trained, tmp_path / "classifier", 3)
    train(toy_localizer(), tmp_path / "localizer")
    checkpoints = [tmp_path / "localizer" / "last.ckpt", tmp_path / "classifier" / "last.ckpt"]
    started = toy_localizer(initial_weights=checkpoints)
    assert fingerprint(started.backbone) == fingerprint(trained.backbone)
    assert started.iteration == 0


def test_initial_weights_may_be_public_ones_of_the_backbone(tmp_path: Path) -> None:
    public = P3D(blocks=(1, 1, 1, 1), width=2)
    torch.save(
        {"state_dict": {f"module.{key}": value for key, value in public.state_dict().items()}}, tmp_path / "p.pth"
    )
    started = SnippetClassifierModule(
        CATEGORIES, backbone=P3D(blocks=(1, 1, 1, 1), width=2), initial_weights=[tmp_path / "p.pth"]
    )
    assert fingerprint(started.backbone) == fingerprint(public)
    with pytest.raises(CheckpointError, match=r"p\.pth: not a checkpoint of this package"):
        toy_localizer(initial_weights=[tmp_path / "p.pth"])  # whose backbone reads no public weights


def test_training_warns_of_a_network_from_other_snippets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(toy_localizer(), tmp_path / "stage0")
    start = [tmp_path / "stage0" / "last.ckpt"]
    train(toy_localizer(initial_weights=start), tmp_path / "same")
    assert "temporal contracts" not in caplog.text
    denser = ToyDataModule(contract=TemporalContract(fps=10.0, snippet_stride=4))
    trainer = quiet_trainer(tmp_path / "denser", 2, limit_val_batches=1, val_check_interval=1)
    trainer.fit(toy_localizer(initial_weights=start), datamodule=denser)
    (message,) = [text for text in caplog.messages if "temporal contracts" in text]
    assert message.startswith(f"network of the initial weights {start[0]}: the temporal contracts differ: ")
    assert "snippet_stride is 4 in the data and 8 in its training; train the network on such data first, or" in message


@pytest.mark.parametrize("verb", ["validate", "test", "predict"])
def test_evaluation_refuses_a_network_from_other_snippets(verb: str, tmp_path: Path) -> None:
    train(toy_localizer(), tmp_path / "stage0")
    denser = ToyDataModule(contract=TemporalContract(fps=10.0, snippet_stride=4))
    module = toy_localizer(initial_weights=[tmp_path / "stage0" / "last.ckpt"])
    trainer = quiet_trainer(tmp_path, limit_val_batches=1)
    for _ in range(2):
        with pytest.raises(ContractError, match="snippet_stride is 4 in the data and 8 in its training; train the"):
            getattr(trainer, verb)(module, datamodule=denser)
    # A checkpoint replaces the initial weights.
    trainer.fit(toy_localizer(), datamodule=denser)
    getattr(trainer, verb)(module, datamodule=denser, ckpt_path=tmp_path / "last.ckpt")
    getattr(trainer, verb)(module, datamodule=denser)


def test_the_backbone_may_come_from_any_grid(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train(toy_classifier(), tmp_path)
    start = [tmp_path / "last.ckpt"]
    denser = ToyDataModule(contract=TemporalContract(fps=10.0, snippet_stride=4))
    quiet_trainer(tmp_path / "on").fit(toy_localizer(initial_weights=start), datamodule=denser)
    quiet_trainer(tmp_path / "on").test(toy_localizer(initial_weights=start), datamodule=denser, verbose=False)
    assert not [text for text in caplog.messages if "temporal contracts" in text]


def test_initial_weights_of_nothing_wanted_are_refused(tmp_path: Path) -> None:
    module = toy_localizer()
    torch.save({"state_dict": {"other.w": torch.zeros(1)}, **state()}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt: has no weights for backbone or network; remove it"):
        toy_localizer(initial_weights=[tmp_path / "other.ckpt"])
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        toy_localizer(initial_weights=["missing.ckpt"])
    assert module.initial_weights == []


def test_a_batch_of_another_iteration_is_refused() -> None:
    module = toy_localizer()
    module.check_iteration(0)
    BaseModule.finish_iteration(module)
    with pytest.raises(ConfigError, match="the data is at iteration 0 and the module at 1"):
        module.check_iteration(0)


def test_random_numbers_are_a_function_of_seed_and_iteration() -> None:
    def draw(seed: int, iteration: int) -> float:
        module = toy_localizer(seed=seed)
        module.iteration = iteration
        module.on_train_batch_start(None, 0)
        return float(torch.rand(()))

    assert draw(0, 3) == draw(0, 3)
    assert len({draw(0, 3), draw(0, 4), draw(1, 3)}) == 3


def test_evaluation_updates_the_metrics_of_its_split() -> None:
    module = toy_localizer().eval()
    module.contract = small_contract()
    module.validation_step(untrimmed_batch(pixels(4), [[[1.0, 2.0]]], [[0]]), 0)
    assert module.validation_metrics.scores.update_count == 1
    assert module.test_metrics.scores.update_count == 0


def logged_steps(folder: Path, key: str) -> list[int]:
    """The steps at which a table has a value."""
    with (folder / "metrics.csv").open() as file:
        return [int(row["step"]) for row in csv.DictReader(file) if row.get(key)]


@pytest.mark.parametrize("make", [toy_localizer, toy_classifier])
def test_loggers_count_finished_iterations(make: Callable[..., BaseModule], tmp_path: Path) -> None:
    def logger(name: str) -> dict[str, Any]:
        return {"logger": CSVLogger(tmp_path / name, name="", version=""), "log_every_n_steps": 2}

    module = make()
    data = ToyDataModule(parts=["foreground", "moments"]) if make is toy_classifier else ToyDataModule()
    checkpoint = IterationCheckpoint(every_n_iterations=2, keep_all=True)
    options = {"limit_val_batches": 1.0, "val_check_interval": 3, "callbacks": [checkpoint]}
    quiet_trainer(tmp_path, 6, **options, **logger("whole")).fit(module, datamodule=data)
    assert logged_steps(tmp_path / "whole", "train/recognition") == [2, 4, 6]
    assert logged_steps(tmp_path / "whole", "val/mAP") == [3, 6]
    resumed = quiet_trainer(tmp_path / "again", 6, **options, **logger("resumed"))
    resumed.fit(make(), datamodule=data, ckpt_path=tmp_path / "iteration_000002.ckpt")
    assert logged_steps(tmp_path / "resumed", "train/recognition") == [4, 6]
    assert logged_steps(tmp_path / "resumed", "val/mAP") == [3, 6]
    evaluated = quiet_trainer(tmp_path, limit_test_batches=1.0, **logger("test"))
    evaluated.test(make(), datamodule=data, ckpt_path=tmp_path / "iteration_000004.ckpt", verbose=False)
    assert logged_steps(tmp_path / "test", "test/mAP") == [4]
