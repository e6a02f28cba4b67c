"""The whole way from video files to scores, by the public commands alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.category_lists import read_categories
from aher_lightning.annotations.video_selection import restrict
from aher_lightning.checkpoints.content import STATE_KEY, read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.metrics.proposal_recall import ProposalRecall
from aher_lightning.metrics.temporal_map import TemporalMeanAveragePrecision
from aher_lightning.reports.predictions.reader import read_predictions
from tests.helpers.command_line import TrainedRun, cached, extract_words, trainer_words

pytestmark = pytest.mark.slow


def read_report(
    run: TrainedRun, output: Path, *options: str, file: str = "predictions.json"
) -> dict[str, dict[str, float]]:
    """Score what the test run wrote by ``aher evaluate``."""
    words = ["evaluate", "--ground-truth", str(run.data / "annotations.json"), "--proposals"]
    words += ["--predictions", str(run.folder / "aher" / file)]
    words += ["--categories", str(run.data / "split.json"), "--group", "moment", "--output", str(output), *options]
    assert main(words) == 0
    report: dict[str, dict[str, float]] = json.loads(output.read_text())
    return report


def named(report: dict[str, dict[str, float]]) -> dict[str, float]:
    """The numbers of a report by the names of the metrics."""
    names = {"average": "mAP"}
    values = {names.get(key, f"mAP@{key}"): value for key, value in report["mAP"].items()}
    recalls = {f"AR@{number}": report["AR@AN"][str(number)] for number in (1, 10, 100)}
    return {**values, **recalls, "AUC": float(report["AUC"])}  # type: ignore[arg-type]


def test_every_step_leaves_its_files(trained_run: TrainedRun) -> None:
    for step in ("recognition", "stage0", "aher"):
        state = read_checkpoint(trained_run.folder / step / "last.ckpt")[STATE_KEY]
        assert state["iteration"] == 2
        assert state["configuration"]["class_path"].startswith("aher_lightning.modules.")
        assert state["contract"]["clip_length"] == 8
    assert {path.name for path in (trained_run.folder / "aher").iterdir()} >= {"predictions.json", "metrics.json"}
    assert NpyFeatureStore(trained_run.features).verify() == []


def test_the_saved_predictions_score_what_the_test_said(trained_run: TrainedRun, tmp_path: Path) -> None:
    said = json.loads((trained_run.folder / "aher" / "metrics.json").read_text())
    scored = named(read_report(trained_run, tmp_path / "report.json"))
    # AR@AN and AUC are those of the proposals, in which a segment is there once whatever its labels.
    proposals = named(read_report(trained_run, tmp_path / "report.json", file="proposals.json"))
    scored |= {key: value for key, value in proposals.items() if key.startswith("A")}
    for oracle in ("labels", "segments"):
        report = read_report(trained_run, tmp_path / "report.json", "--oracle", oracle)
        scored[f"oracle_{oracle}/mAP"] = report["mAP"]["average"]
    # Metrics are logged in single precision; but for that they agree exactly.
    single = {f"test/{key}": float(torch.tensor(value, dtype=torch.float32)) for key, value in scored.items()}
    assert {**single, "test/coverage": 1.0} == said
    assert scored["AUC"] > 0
    assert 0 <= scored["mAP@0.50"] <= 1


def test_the_report_equals_the_metric_classes_exactly(trained_run: TrainedRun, tmp_path: Path) -> None:
    categories = read_categories(trained_run.data / "split.json", "moment")
    found = read_predictions(trained_run.folder / "aher" / "predictions.json", categories).detections
    videos = restrict(
        read_activitynet(trained_run.data / "annotations.json"), subset="validation", categories=categories
    )
    assert list(found) == list(videos)
    indices = {name: index for index, name in enumerate(categories)}
    precision, recall = TemporalMeanAveragePrecision(), ProposalRecall()
    for metric in (precision, recall):
        targets = [video.as_targets(indices) for video in videos.values()]
        metric.update(list(found.values()), targets, range(len(videos)))
    values = {key: float(value) for key, value in {**precision.compute(), **recall.compute()}.items()}
    assert values == named(read_report(trained_run, tmp_path / "report.json"))


def test_a_video_file_gives_what_the_test_run_gave(trained_run: TrainedRun, tmp_path: Path) -> None:
    video = trained_run.data / "videos" / "am_val_00001.mp4"
    words = ["localize", str(video), f"--checkpoint={trained_run.checkpoint}", f"--output={tmp_path / 'out'}"]
    assert main(words) == 0
    (localized,) = read_predictions(tmp_path / "out" / "am_val_00001.json").detections.values()
    tested = read_predictions(trained_run.folder / "aher" / "predictions.json").detections["am_val_00001"]
    assert len(localized.scores) > 0
    torch.testing.assert_close(localized.scores[:5], tested.scores[:5], atol=1e-4, rtol=0)
    torch.testing.assert_close(localized.segments[0], tested.segments[0], atol=1e-3, rtol=0)


def test_a_denser_grid_of_snippets_from_extraction_to_a_video(
    trained_run: TrainedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The recognizer was trained at stride 4; all that follows is at stride 2."""
    data, recognition, features = trained_run.data, trained_run.folder / "recognition", tmp_path / "features2"
    assert main([*extract_words(data, recognition / "last.ckpt", features), "--snippet-stride", "2"]) == 0
    dense, own = NpyFeatureStore(features), NpyFeatureStore(trained_run.features)
    assert (dense.contract.snippet_stride, own.contract.snippet_stride) == (2, 4)
    for video_id in own.video_ids:
        expected = own.read(video_id).values
        torch.testing.assert_close(dense.read(video_id).values[::2][: len(expected)], expected, atol=1e-5, rtol=1e-5)
    start, option = "--model.init_args.initial_weights", "--data.contract.snippet_stride=2"
    fit = [*trainer_words("fit", data, tmp_path / "aher"), cached(features)]
    from_recognition = f'{start}=["{recognition}/last.ckpt"]'
    capsys.readouterr()
    assert main([*fit, from_recognition]) == 1
    line = "snippet_stride is 4 in data.contract and 2 in data.features; add --data.contract.snippet_stride=2, or give"
    assert line in capsys.readouterr().err
    assert main([*fit, from_recognition, option]) == 0
    checkpoint = tmp_path / "aher" / "last.ckpt"
    assert read_checkpoint(checkpoint)[STATE_KEY]["contract"]["snippet_stride"] == 2
    assert "temporal contracts" not in caplog.text
    test = [*trainer_words("test", data, tmp_path / "aher"), f"--ckpt_path={checkpoint}"]
    assert main([*test, cached(features), option]) == 0
    # Features of the other grid are refused, and a network trained on it gives a warning.
    capsys.readouterr()
    assert main([*test, trained_run.cached]) == 1
    assert "snippet_stride is 4 in the data and 2 in the checkpoint; use data or" in capsys.readouterr().err
    fit[3] = f"--trainer.default_root_dir={tmp_path / 'adapted'}"
    assert main([*fit, f'{start}=["{trained_run.folder}/stage0/last.ckpt"]', option]) == 0
    assert any("snippet_stride is 2 in the data and 4 in its training" in text for text in caplog.messages)
    video = data / "videos" / "am_val_00001.mp4"
    assert main(["localize", str(video), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}"]) == 0
    (localized,) = read_predictions(tmp_path / "out" / "am_val_00001.json").detections.values()
    tested = read_predictions(tmp_path / "aher" / "predictions.json").detections["am_val_00001"]
    torch.testing.assert_close(localized.scores[:5], tested.scores[:5], atol=1e-4, rtol=0)
    torch.testing.assert_close(localized.segments[0], tested.segments[0], atol=1e-3, rtol=0)


def test_predict_writes_what_test_writes(trained_run: TrainedRun, tmp_path: Path) -> None:
    words = trainer_words("predict", trained_run.data, tmp_path)
    assert main([*words, trained_run.cached, f"--ckpt_path={trained_run.checkpoint}"]) == 0
    written = (tmp_path / "predictions.json").read_text()
    assert written == (trained_run.folder / "aher" / "predictions.json").read_text()


def test_a_resumed_run_equals_the_uninterrupted_one(trained_run: TrainedRun, tmp_path: Path) -> None:
    start = f'--model.init_args.initial_weights=["{trained_run.folder}/stage0/last.ckpt"]'

    def fit(name: str, *options: str) -> dict[str, torch.Tensor]:
        words = trainer_words("fit", trained_run.data, tmp_path / name)
        assert main([*words, trained_run.cached, start, "--iterations=3", *options]) == 0
        weights: dict[str, torch.Tensor] = read_checkpoint(tmp_path / name / "last.ckpt")["state_dict"]
        return weights

    whole, resumed = fit("whole"), fit("resumed", f"--ckpt_path={trained_run.checkpoint}")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(value, resumed[key]) for key, value in whole.items())


def test_pixels_train_what_features_train(trained_run: TrainedRun, tmp_path: Path) -> None:
    start = f'--model.init_args.initial_weights=["{trained_run.folder}/stage0/last.ckpt"]'
    words = trainer_words("fit", trained_run.data, tmp_path)
    assert main([*words, start]) == 0
    from_pixels = read_checkpoint(tmp_path / "last.ckpt")["state_dict"]
    from_features = read_checkpoint(trained_run.checkpoint)["state_dict"]
    for key, value in from_features.items():
        torch.testing.assert_close(from_pixels[key], value, atol=2e-3, rtol=1e-3)
