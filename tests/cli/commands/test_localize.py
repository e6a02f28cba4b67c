from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aher_lightning.annotations.category_lists import read_categories
from aher_lightning.cli.commands import localize as command
from aher_lightning.cli.main import main
from aher_lightning.errors import AherError, CheckpointError, ConfigError, DataError, PredictionError, VideoError
from aher_lightning.inference.localizer import Localizer
from aher_lightning.reports.predictions.reader import read_predictions
from aher_lightning.reports.videos.outputs import FORMATS
from aher_lightning.video.auto_reader import AutoReader
from tests.helpers.command_line import TrainedRun
from tests.helpers.toy import CHANNELS, MOMENT
from tests.helpers.trained import checkpointed_localizer, precomputed_localizer
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, write_turning, write_video


def localize(*arguments: Any, **options: Any) -> list[Path]:
    """Run the command; unless asked for, without a child process, which takes seconds to start."""
    return command.localize(*arguments, **{"time_limit_sec": None, **options})


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
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".localize.json",
        ".localize.jsonl",
        "good.json",
    ]
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert "broken.mp4" in errors[0]


def test_decoding_has_a_time_limit(checkpoint: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=50))
    with pytest.raises(VideoError, match=r"a\.mp4: not decoded within 0\.0001 s; raise 'time_limit_sec'"):
        localize([video], checkpoint, tmp_path / "out", time_limit_sec=0.0001)
    assert not (tmp_path / "out" / "a.json").exists()
    (apart,) = command.localize([video], checkpoint, tmp_path / "apart")
    (here,) = localize([video], checkpoint, tmp_path / "here")
    assert apart.read_text() == here.read_text()


def test_two_videos_never_write_the_same_file(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two of the videos have the same name; localize them into different"):
        localize([tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"], checkpoint, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_interrupted_command_goes_on(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    videos = [write_video(tmp_path / "in" / f"{name}.mp4", VideoSpec(num_frames=50)) for name in "abc"]
    out = tmp_path / "out"
    localize(videos[:1], checkpoint, out, formats="srt", show=0)
    before = (out / "a.json").stat().st_mtime_ns
    capsys.readouterr()
    written = localize([tmp_path / "in"], checkpoint, out, formats="srt", show=0)
    assert [path.name for path in written] == ["b.json", "c.json"]
    assert (out / "a.json").stat().st_mtime_ns == before
    assert "1 of 3 videos were finished before; --overwrite redoes them" in capsys.readouterr().out
    # One more format is more work; so is a file that was removed.
    (out / "b.srt").unlink()
    assert [path.name for path in localize(videos, checkpoint, out, formats="srt", show=0)] == ["b.json"]
    assert len(localize(videos, checkpoint, out, formats="csv", show=0)) == 3
    with pytest.raises(PredictionError, match="made with another top_k"):
        localize(videos, checkpoint, out, top_k=1, show=0)
    assert len(localize(videos, checkpoint, out, top_k=1, overwrite=True, show=0)) == 3
    assert len(read_predictions(out / "c.json", MOMENT).detections["c"].scores) == 1


def test_all_that_can_be_asked_for_is_written(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "in" / "cam").mkdir(parents=True)
    video = write_video(tmp_path / "in" / "cam" / "a.mp4", VideoSpec(num_frames=90))
    truth = {"a": {"duration": 9.0, "subset": "validation", "annotations": [{"label": "nod", "segment": [1.0, 3.0]}]}}
    (tmp_path / "truth.json").write_text(json.dumps({"database": truth}))
    words = ["localize", str(tmp_path / "in"), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}", "--show=0"]
    words += [f"--formats={','.join(FORMATS)}", f"--clips={tmp_path / 'clips'}", f"--fiftyone={tmp_path / 'fiftyone'}"]
    assert main([*words, f"--ground-truth={tmp_path / 'truth.json'}", f"--categories=[{','.join(MOMENT)}]"]) == 0
    files = {path.name for path in (tmp_path / "out" / "cam").iterdir()}
    assert files == {f"a.{ending}" for ending in FORMATS}
    assert "ground truth" in (tmp_path / "out" / "cam" / "a.html").read_text(encoding="utf-8").lower()
    labels = json.loads((tmp_path / "fiftyone" / "labels.json").read_text())
    found = read_predictions(tmp_path / "out" / "cam" / "a.json", MOMENT).detections["a"]
    assert len(labels["labels"]["a"]) == len(found.scores)
    clips = list((tmp_path / "clips").rglob("*.mp4"))
    assert 0 < len(clips) <= 10
    assert all(AutoReader().probe(path).duration_sec <= 9.2 for path in clips)
    assert video.is_file()


def test_videos_of_one_name_are_kept_apart(checkpoint: Path, tmp_path: Path) -> None:
    for folder in ("cam1", "cam2"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        write_video(tmp_path / "in" / folder / "a.mp4", VideoSpec(num_frames=50))
    written = localize([tmp_path / "in"], checkpoint, tmp_path / "out", clips=tmp_path / "clips", show=0)
    assert written == [tmp_path / "out" / folder / "a.json" for folder in ("cam1", "cam2")]
    clips = [{path.name for path in (tmp_path / "clips" / folder).rglob("*.mp4")} for folder in ("cam1", "cam2")]
    assert clips[0] == clips[1] != set()
    with pytest.raises(ConfigError, match="FiftyOne identifies videos by name, and two have the same"):
        localize([tmp_path / "in"], checkpoint, tmp_path / "other", fiftyone=tmp_path / "fiftyone")
    assert not (tmp_path / "other").exists()


def test_a_folder_of_all_kinds_of_files(checkpoint: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.mp4", "b.M4V", "c.ts"):
        write_video(folder / name, VideoSpec(num_frames=20))
    write_video(folder / "d.mpg", VideoSpec(num_frames=50, fps=25, codec="mpeg2video"))
    write_video(folder / "e.wmv", VideoSpec(num_frames=20, codec="wmv2"))
    write_video(folder / "f.flv", VideoSpec(num_frames=20, codec="flv1"))
    (folder / "types.ts").write_text("export interface Video { name: string }")
    (folder / "._a.mp4").touch()
    (folder / "notes.txt").touch()
    with pytest.raises(VideoError, match=r"types\.ts: is damaged or no video"):
        localize([folder], checkpoint, tmp_path / "out", show=0)
    assert {path.stem for path in (tmp_path / "out").glob("[!.]*.json")} == set("abcdef")
    assert caplog.messages[-1] == f"{folder}: skipped 2 files that are not videos (._* 1, .txt 1)"


def test_a_video_whose_pictures_change_their_size_is_localized(checkpoint: Path, tmp_path: Path) -> None:
    video = write_turning(tmp_path / "in.ts")
    formats = ",".join(FORMATS)
    localize([video], checkpoint, tmp_path / "out", formats=formats, clips=tmp_path / "clips", show=0)
    assert {path.name for path in (tmp_path / "out").glob("in.*")} == {f"in.{ending}" for ending in FORMATS}
    sizes = {(info.width, info.height) for info in map(AutoReader().probe, (tmp_path / "clips").rglob("*.mp4"))}
    assert sizes == {(64, 48), (96, 128)}


def test_copied_clips_are_refused_where_they_cannot_be_cut(checkpoint: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.avi", VideoSpec(num_frames=50, codec="mpeg4"))
    with pytest.raises(VideoError, match="re-encode the clips"):
        localize([video], checkpoint, tmp_path / "out", clips=tmp_path / "clips", copy_clips=True, show=0)
    assert not (tmp_path / "out" / "a.json").exists()
    assert localize([video], checkpoint, tmp_path / "out", clips=tmp_path / "clips", show=0)


def test_a_long_video_shows_its_progress(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aher_lightning.cli.commands.localize._LONG_CLIPS", 20)
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=400))
    localize([video], checkpoint, tmp_path / "out", show=0)
    shown = capsys.readouterr().out
    assert "Localizing a.mp4: 100/100 clips" in shown
    assert re.search(r"detections written to .*a\.json \(\d+\.\d s, [\d.e+]+x real time\)", shown)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": "doc"}, "unknown format 'doc'"),
        ({"top_k": 0}, "'show' must be at least 0 and 'top_k' at least 1"),
        ({"show": -1}, "'show' must be at least 0"),
        ({"categories": ["sneeze"]}, "no category 'sneeze'"),
        ({"window_sec": 0.0}, "'window_sec' is 0"),
        ({"device": "gpu"}, "unknown device 'gpu'; give cpu"),
        ({"ground_truth": Path("nowhere.json")}, "nowhere"),
    ],
)
def test_wrong_options_are_refused_before_any_work(
    options: dict[str, Any], message: str, checkpoint: Path, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=50))
    with pytest.raises(AherError, match=message):
        localize([video], checkpoint, tmp_path / "out", **options)
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
    window_sec = Localizer.from_checkpoint(trained_run.checkpoint).window_sec
    assert window_sec is not None
    assert 0 < len(found.scores) <= 3 * 100 * math.ceil(duration_sec / window_sec)
    assert found.segments.min() >= 0
    assert found.segments.max() <= duration_sec
    assert set(predictions.categories) <= set(read_categories(trained_run.data / "split.json", "moment"))


def test_files_of_features_in_place_of_videos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = precomputed_localizer(tmp_path)
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(0).standard_normal((12, CHANNELS)).astype(np.float32))
    words = ["localize", str(tmp_path / "*.npy"), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}"]
    assert main([*words, "--formats=csv,html,svg"]) == 0
    assert {path.name for path in (tmp_path / "out").glob("[ab].*")} == {
        f"{name}.{ending}" for name in "ab" for ending in ("json", "csv", "html", "svg")
    }
    assert "a.npy  (4.8 s)" in capsys.readouterr().out
    assert main([*words, f"--clips={tmp_path / 'clips'}"]) == 1
    assert "features have no pictures; leave --clips and --fiftyone out" in " ".join(capsys.readouterr().err.split())


def test_a_video_where_features_are_needed_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=20))
    with pytest.raises(ConfigError, match="PrecomputedFeatures has no network for pixels"):
        localize([video], precomputed_localizer(tmp_path), tmp_path / "out")
    assert capsys.readouterr().out == ""
