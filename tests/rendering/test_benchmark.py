from __future__ import annotations

import json
import shutil
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, replace
from pathlib import Path

import av
import numpy as np
import pytest

from aher_lightning.errors import DataError
from aher_lightning.rendering import benchmark
from aher_lightning.rendering.benchmark import RenderResult, _find_benchmark, render_benchmark
from aher_lightning.rendering.plan import BenchmarkParameters, list_videos

TINY = BenchmarkParameters(
    untrimmed_categories=2,
    moment_categories=2,
    training_videos=3,
    moments_per_category=1,
    validation_videos=2,
    untrimmed_validation_videos=1,
    width=32,
    height=32,
    min_duration_sec=6.0,
    max_duration_sec=12.0,
)


def decode(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("rendered") / "benchmark"
    render_benchmark(output, TINY)
    return output


def test_the_layout_is_complete(rendered: Path) -> None:
    files = {path.relative_to(rendered).as_posix() for path in rendered.rglob("*") if path.is_file()}

    assert files == {"annotations.json", "split.json", "benchmark.json"} | {task.path for task in list_videos(TINY)}
    assert json.loads((rendered / "split.json").read_text()) == {
        "untrimmed": ["circling_clockwise", "zigzagging"],
        "moment": ["circling_counterclockwise", "snaking"],
    }
    assert list(rendered.parent.iterdir()) == [rendered]


def test_annotations_match_the_files(rendered: Path) -> None:
    database = json.loads((rendered / "annotations.json").read_text())["database"]
    split = json.loads((rendered / "split.json").read_text())

    assert {path.stem for path in (rendered / "videos").iterdir()} == set(database)
    for video_id, entry in database.items():
        frames = decode(rendered / "videos" / f"{video_id}.mp4")
        assert entry["duration"] == pytest.approx(len(frames) / 10)
        assert entry["subset"] == ("validation" if "_val_" in video_id else "training")
        edges = [edge for annotation in entry["annotations"] for edge in annotation["segment"]]
        assert edges == sorted(edges)
        assert edges[0] > 0
        assert edges[-1] < entry["duration"]
        names = split["untrimmed" if video_id.startswith("un") else "moment"]
        assert {annotation["label"] for annotation in entry["annotations"]} <= set(names)


def test_counts_are_recorded(rendered: Path) -> None:
    recorded = json.loads((rendered / "benchmark.json").read_text())
    database = json.loads((rendered / "annotations.json").read_text())["database"]

    assert recorded["parameters"] == asdict(TINY)
    assert recorded["counts"]["un_train"] == 3
    assert recorded["counts"]["moment"] == 2
    assert recorded["counts"]["instances"] == sum(len(entry["annotations"]) for entry in database.values())


@pytest.mark.slow
def test_two_workers_render_the_same_pixels(rendered: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    render_benchmark(tmp_path / "again", TINY, workers=2, report=lambda *progress: done.append(progress))

    assert done == [(count, 8) for count in range(1, 9)]
    for path in rendered.rglob("*.mp4"):
        np.testing.assert_array_equal(decode(path), decode(tmp_path / "again" / path.relative_to(rendered)))
    assert (rendered / "annotations.json").read_bytes() == (tmp_path / "again" / "annotations.json").read_bytes()


def test_another_seed_gives_other_videos(rendered: Path, tmp_path: Path) -> None:
    other = replace(TINY, seed=1, training_videos=1, validation_videos=0, untrimmed_validation_videos=0)
    render_benchmark(tmp_path / "other", other)
    first, second = (decode(folder / "videos/un_train_00000.mp4")[:40] for folder in (rendered, tmp_path / "other"))

    assert np.abs(first.astype(int) - second.astype(int)).mean() > 5.0


def test_more_videos_leave_the_first_ones_as_they_are(rendered: Path, tmp_path: Path) -> None:
    render_benchmark(tmp_path / "fewer", replace(TINY, training_videos=1, validation_videos=1))

    for name in ("videos/un_train_00000.mp4", "videos/am_val_00000.mp4"):
        assert (rendered / name).read_bytes() == (tmp_path / "fewer" / name).read_bytes()


def test_recordings_show_short_actions_of_all_categories(tmp_path: Path) -> None:
    parameters = replace(
        TINY, training_videos=2, validation_videos=1, untrimmed_validation_videos=0, recording_sec=60.0
    )
    render_benchmark(tmp_path / "long", replace(parameters, actions_per_hour=360))
    database = json.loads((tmp_path / "long" / "annotations.json").read_text())["database"]

    assert {entry["duration"] for entry in database.values()} == {60.0}
    assert [len(entry["annotations"]) for entry in database.values()] == [6, 6, 6]
    labels = [annotation["label"] for entry in database.values() for annotation in entry["annotations"]]
    assert {*labels[:12]} == {"circling_clockwise", "zigzagging"}
    assert 2 in {len({*labels[first : first + 6]}) for first in (0, 6, 12)}  # within one recording


def test_folders_that_are_older_than_an_option_are_reused(rendered: Path, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(rendered, folder)
    record = json.loads((folder / "benchmark.json").read_text())
    del record["parameters"]["recording_sec"]
    (folder / "benchmark.json").write_text(json.dumps(record))

    assert render_benchmark(folder, TINY).is_reused
    with pytest.raises(DataError, match=r"holds a benchmark with recording_sec=0.0, not 90.0"):
        render_benchmark(folder, replace(TINY, recording_sec=90.0))


def test_an_identical_benchmark_is_reused(rendered: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in rendered.rglob("*")}
    result = render_benchmark(rendered, TINY)

    assert isinstance(result, RenderResult)
    assert result.is_reused
    assert result.counts["moment"] == 2
    assert before == {path: path.stat().st_mtime_ns for path in rendered.rglob("*")}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    output = tmp_path / "empty"
    output.mkdir()
    result = render_benchmark(output, replace(TINY, training_videos=0, validation_videos=0))

    assert not result.is_reused
    assert (output / "benchmark.json").is_file()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is not empty and holds no rendered benchmark: choose another --output or delete it"),
        ("not json", "holds no rendered benchmark"),
        ("[]", "holds no rendered benchmark"),
        ('{"version": 1, "parameters": {}}', "holds no rendered benchmark"),
        ('{"version": -1, "parameters": {}, "counts": {}}', "was rendered by version -1"),
        ('{"version": 1, "parameters": {"seed": 5}, "counts": {}}', "with seed=5, not 0"),
    ],
)
def test_folders_with_something_else_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    name = "benchmark.json" if content is not None else "holiday.txt"
    (tmp_path / name).write_text(content or "", encoding="utf-8")

    with pytest.raises(DataError, match=message):
        render_benchmark(tmp_path, TINY)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_benchmark_that_lost_a_video_is_refused(rendered: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(rendered, copy)
    (copy / "videos/un_train_00001.mp4").unlink()

    with pytest.raises(DataError, match=r"lacks 1 of its videos \(videos/un_train_00001.mp4 first\)"):
        _find_benchmark(copy, TINY)


def test_a_file_in_the_way_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match="is a file: choose another --output"):
        render_benchmark(tmp_path / "file", TINY)
    with pytest.raises(DataError, match=r"cannot be written .*choose another place"):
        render_benchmark(tmp_path / "file" / "below", TINY)


def test_nothing_remains_of_an_interrupted_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark, "_render_video", interrupt)
    with pytest.raises(KeyboardInterrupt):
        render_benchmark(tmp_path / "output", TINY)

    assert not list(tmp_path.iterdir())


def test_a_killed_worker_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(benchmark, "_render_video", break_down)
    with pytest.raises(DataError, match="was killed: try again with --workers 1"):
        render_benchmark(tmp_path / "output", TINY)

    assert not list(tmp_path.iterdir())


def test_two_categories_in_one_video_come_from_the_same_set() -> None:
    many = replace(TINY, training_videos=150, min_duration_sec=30.0, max_duration_sec=45.0, untrimmed_categories=16)
    names = {category.name for category in many.categories("un_train")}
    labels = []
    for task in list_videos(many)[:150]:
        generator = np.random.default_rng(benchmark._video_key(many.seed, task))
        _, actions = benchmark._draw_actions(many, task, generator)
        labels.append({action.category.name for action in actions})

    assert 0 < sum(len(found) == 2 for found in labels) < 15
    assert set().union(*labels) <= names
