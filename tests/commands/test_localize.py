from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.commands.localize import localize
from aher_lightning.datasets.categories import read_categories
from aher_lightning.errors import CheckpointError, PredictionError, VideoError
from aher_lightning.inference.localizer import Localizer
from aher_lightning.reports.prediction_reader import read_predictions
from aher_lightning.video.auto_reader import AutoReader
from tests.helpers.command_line import TrainedRun
from tests.helpers.toy import MOMENT
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, write_video


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return checkpointed_localizer(tmp_path)[1]


def test_every_video_gets_a_file(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos = [write_video(tmp_path / f"{name}.mp4", VideoSpec(num_frames=50)) for name in "ab"]
    written = localize(videos, checkpoint, tmp_path / "out", show=2)
    assert written == [tmp_path / "out" / "a.json", tmp_path / "out" / "b.json"]
    found = read_predictions(written[0], MOMENT).detections
    expected = Localizer.from_checkpoint(checkpoint).localize(videos[0]).detections
    assert list(found) == ["a"]
    assert found["a"].segments.tolist() == expected.segments.double().tolist()
    shown = capsys.readouterr().out
    assert "a.mp4  (5.0 s)" in shown
    assert f"{len(expected.scores)} detections written to {written[0]}" in shown
    assert shown.count(" s │") >= 4 or shown.count(" s ") >= 4


def test_a_broken_video_does_not_stop_the_others(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_video(tmp_path / "good.mp4", VideoSpec(num_frames=50))
    broken, missing = tmp_path / "broken.mp4", tmp_path / "missing.mp4"
    broken.write_text("no video")
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        localize([broken, good, missing], checkpoint, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.json"]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert "broken.mp4" in errors[0]


def test_two_videos_never_write_the_same_file(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match="two of the videos have the same name; localize them into different"):
        localize([tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"], checkpoint, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_without_a_checkpoint(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        localize([video], tmp_path / "none.ckpt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_video_twice_is_localized_once(checkpoint: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4")
    (written,) = localize([video, video], checkpoint, tmp_path / "out", show=0)
    assert json.loads(written.read_text())["results"].keys() == {"a"}


@pytest.mark.real_data
@needs_real_videos
def test_real_footage_is_localized(trained_run: TrainedRun, tmp_path: Path) -> None:
    video = REAL_VIDEOS / "ut_interaction" / "untrimmed" / "ut_q01.mp4"
    (written,) = localize([video], trained_run.checkpoint, tmp_path / "out")
    predictions = read_predictions(written)
    found = predictions.detections["ut_q01"]
    duration_sec = AutoReader().probe(video).duration_sec
    assert duration_sec == pytest.approx(49.4, abs=0.1)
    assert 0 < len(found.scores) <= 100
    assert found.segments.min() >= 0
    assert found.segments.max() <= duration_sec
    assert set(predictions.categories) <= set(read_categories(trained_run.data / "split.json", "moment"))
