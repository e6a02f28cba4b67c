from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.checkpoints.content import read_checkpoint
from aher_lightning.cli.main import main
from aher_lightning.errors import DataError
from aher_lightning.features.array_folder import ArrayFolderStore
from aher_lightning.features.csv_folder import CsvFolderStore
from aher_lightning.features.published_store import expected_snippets
from aher_lightning.features.store import FeatureStore, NpyFeatureStore
from aher_lightning.video.contract import TemporalContract
from tests.helpers.miniature import CHANNELS, make_miniatures
from tests.helpers.published import CONTRACT, toy_features, write_manifest
from tests.helpers.real_data import real_data


def published(root: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], **changes: object) -> Path:
    """A folder with one array for both videos."""
    write_manifest(root, "npy", **changes)
    for name in ("a", "b"):
        np.save(root / f"{name}.npy", values)
    return root


def test_times_come_from_the_manifest(tmp_path: Path) -> None:
    store = ArrayFolderStore(published(tmp_path, toy_features("a")))
    assert isinstance(store, FeatureStore)
    assert store.contract == TemporalContract(fps=10.0)
    assert store.video_ids == ["a", "b"]
    assert store.duration_sec("a") == 17.0
    snippets = store.read("a", (2.0, 4.1))
    assert torch.equal(snippets.values, torch.from_numpy(toy_features("a")[2:5]))
    assert 2.0 + snippets.first_centre * 2.1 == pytest.approx(2.4)
    with pytest.raises(ValueError, match="a span must end after it starts"):
        store.read("a", (2.0, 2.0))
    with pytest.raises(DataError, match="video 'c' is not among the 2 with features and a duration; add it, or remove"):
        store.read("c")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((20, 4), np.float32), r"float32 \(20, 4\), but layout TC with 3 channels needs floats \(T, 3\)"),
        (np.zeros((3, 20), np.float32), r"float32 \(3, 20\), but layout TC with 3 channels needs floats \(T, 3\)"),
        (np.zeros((1, 20, 3), np.float32), r"float32 \(1, 20, 3\), but"),
        (np.zeros((0, 3), np.float32), r"float32 \(0, 3\), but"),
        (np.zeros((20, 3), np.int64), r"int64 \(20, 3\), but"),
        (np.zeros((17, 3), np.float32), "has 17 snippets, but 17 s give 20 to 21 by the contract; correct fps, stride"),
        (np.zeros((24, 3), np.float32), "has 24 snippets, but 17 s give 20 to 21 by the contract"),
        (np.array([[0, np.nan, 0]] * 2 + [[0, 0, 0]] * 18, np.float32), "2 of 20 snippets of video 'a' are not finite"),
        (np.full((20, 3), 1e300), "20 of 20 snippets of video 'a' are not finite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_wrong_arrays_are_refused_by_name(
    tmp_path: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], match: str
) -> None:
    store = ArrayFolderStore(published(tmp_path, values))
    with pytest.raises(DataError, match=match) as caught:
        store.read("a")
    assert str(caught.value).startswith(str(tmp_path / "a.npy"))
    assert "\n" not in str(caught.value)
    assert store.faults().keys() == {"a", "b"}


def test_the_other_layout_is_never_guessed(tmp_path: Path) -> None:
    store = ArrayFolderStore(published(tmp_path, np.zeros((20, 3), np.float32), layout="CT"))
    with pytest.raises(DataError, match=r"layout CT with 3 channels needs floats \(3, T\); correct features\.json"):
        store.read("a")


@pytest.mark.parametrize("count", [18, 23])
def test_two_snippets_more_or_less_pass(tmp_path: Path, count: int) -> None:
    root = published(tmp_path, toy_features("a", count))
    assert len(ArrayFolderStore(root).read("a").values) == count
    with pytest.raises(DataError, match=f"has {count} snippets"):
        ArrayFolderStore(root, tolerance=1).read("a")


def test_resampled_snippets_stand_in_the_middle_of_equal_parts(tmp_path: Path) -> None:
    root = published(tmp_path, toy_features("a", 10), resampled_to=10, durations_sec={"a": 20.0, "b": 400.0})
    store = ArrayFolderStore(root, tolerance=0)
    for video_id in ("a", "b"):
        snippets = store.read(video_id)
        assert (len(snippets.values), snippets.first_centre, snippets.step) == (10, 0.05, 0.1)
    # Centres of "b" lie at 20, 60, 100, ... s.
    part = store.read("b", (50.0, 150.0))
    assert torch.equal(part.values, torch.from_numpy(toy_features("a", 10)[1:4]))
    assert part.first_centre == pytest.approx(0.1)
    assert part.step == pytest.approx(0.4)
    write_manifest(root, "npy", resampled_to=100)
    with pytest.raises(DataError, match="has 10 snippets, but 'resampled_to' is 100; correct it, or the file"):
        ArrayFolderStore(root).read("a")


def test_only_damaged_videos_are_faults(tmp_path: Path) -> None:
    root = published(tmp_path, toy_features("a"))
    assert ArrayFolderStore(root).faults() == {}
    (root / "b.npy").write_bytes(b"")
    faults = ArrayFolderStore(root).faults()
    assert list(faults) == ["b"]
    assert "b.npy: is damaged" in faults["b"]
    assert "aher extract" not in faults["b"]


def test_missing_videos_are_named_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    durations = {f"video{number}": 17.0 for number in range(5)}
    root = published(tmp_path, toy_features("a"), durations_sec={"a": 17.0} | durations)
    told = r"5 of 6 videos have no features \('video0', 'video1', 'video2' and 2 more\)"
    with pytest.raises(DataError, match=told + r", the first was expected as 'video0\.npy'; correct prefix"):
        _ = ArrayFolderStore(root).video_ids
    with caplog.at_level(logging.WARNING):
        assert ArrayFolderStore(root, skip_missing=True).video_ids == ["a"]
    assert "5 of 6 videos have no features" in caplog.text
    # A wrong prefix is no reason to go on with nothing.
    write_manifest(root, "npy", prefix="v_")
    with pytest.raises(DataError, match=r"2 of 2 videos have no features \('a', 'b'\).* as 'v_a\.npy'"):
        _ = ArrayFolderStore(root, skip_missing=True).video_ids


def test_durations_come_from_annotations_too(tmp_path: Path) -> None:
    root = published(tmp_path / "features", toy_features("a"), durations_sec=None)
    database = {name: {"subset": "training", "duration": 17.0, "annotations": []} for name in ("a", "b")}
    annotations, plain = tmp_path / "annotations.json", tmp_path / "durations.json"
    annotations.write_text(json.dumps({"version": "1.3", "database": database}))
    plain.write_text(json.dumps({"a": 17, "b": 17}))
    for path in (annotations, plain):
        store = ArrayFolderStore(root, path)
        assert store.video_ids == ["a", "b"]
        assert torch.equal(store.read("b").values, torch.from_numpy(toy_features("a")))
    with pytest.raises(DataError, match="the option 'durations', but are in neither; correct it"):
        ArrayFolderStore(root).read("a")
    write_manifest(root, "npy")
    with pytest.raises(DataError, match="the option 'durations', not in both; correct it"):
        ArrayFolderStore(root, plain).read("a")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"database": []}, "database must be an object of videos; correct the file"),
        ({"database": {"a": {"subset": "training"}}}, "video 'a' has no duration; correct the file"),
        ({"database": {"a": {"duration": "nan"}}}, "the duration of 'a' must be a number"),
        ({"a": -1}, "the duration of 'a' must be positive"),
    ],
)
def test_damaged_durations_name_their_file(tmp_path: Path, content: dict[str, object], match: str) -> None:
    root = published(tmp_path / "features", toy_features("a"), durations_sec=None)
    path = tmp_path / "durations.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=match) as caught:
        _ = ArrayFolderStore(root, path).video_ids
    assert str(caught.value).startswith(str(path))


def test_durations_of_activitynet_are_read(tmp_path: Path) -> None:
    annotations = real_data("activitynet/activity_net.v1-3.json")
    write_manifest(tmp_path, "npy", prefix="v_", durations_sec=None)
    video_id, duration_sec = "sJFgo9H6zNo", 138.97
    np.save(tmp_path / f"v_{video_id}.npy", np.zeros((172, 3), np.float32))
    store = ArrayFolderStore(tmp_path, annotations, skip_missing=True)
    assert store.video_ids == [video_id]
    assert store.duration_sec(video_id) == duration_sec
    assert store.read(video_id).values.shape == (172, 3)


def test_a_store_of_another_format_says_so(tmp_path: Path) -> None:
    write_manifest(tmp_path, "csv")
    with pytest.raises(
        DataError, match="format is csv, but ArrayFolderStore reads npy, npz, pt; choose the store of this"
    ):
        _ = ArrayFolderStore(tmp_path).contract
    write_manifest(tmp_path, "npy")
    with pytest.raises(DataError, match="format is npy, but CsvFolderStore reads csv"):
        _ = CsvFolderStore(tmp_path).contract


def test_nothing_is_read_before_first_use_and_nothing_is_written(tmp_path: Path) -> None:
    ArrayFolderStore(tmp_path / "nowhere")
    root = published(tmp_path / "features", toy_features("a"))
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    ArrayFolderStore(root).faults()
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_snippets_to_expect() -> None:
    contract = TemporalContract.from_dict(TemporalContract(fps=1.0).to_dict() | CONTRACT)
    # Of 170 frames, clips of 16 start at 0, 8, ..., 152; a centre at 168 lies in the video too.
    assert expected_snippets(17.0, contract) == range(20, 22)
    assert expected_snippets(0.1, contract) == range(1, 2)


@pytest.mark.slow
def test_training_from_published_features_equals_training_from_our_own(tmp_path: Path) -> None:
    setting = make_miniatures(tmp_path / "miniatures")["demo.yaml"]
    own = NpyFeatureStore(tmp_path / "miniatures" / "demo.yaml" / "features")
    durations = {video_id: own.duration_sec(video_id) for video_id in own.video_ids}
    others = tmp_path / "others"
    contract = own.contract.to_dict()
    write_manifest(
        others, "npy", layout="CT", channels=CHANNELS, contract=contract, prefix="v_", durations_sec=durations
    )
    for video_id in own.video_ids:
        np.save(others / f"v_{video_id}.npy", own.read(video_id).values.numpy().T)
    overlay = tmp_path / "others.yaml"
    # The miniature has fewer snippets than its durations make.
    store = {"class_path": "ArrayFolderStore", "init_args": {"root": str(others), "tolerance": 40}}
    overlay.write_text(json.dumps({"data": {"init_args": {"features": store}}}), encoding="utf-8")
    weights = []
    for name, overlays in (("own", [setting.overlay]), ("others", [setting.overlay, overlay])):
        configs = [f"--config={config}" for config in (setting.config, *overlays)]
        assert main(["fit", *configs, f"--trainer.default_root_dir={tmp_path / name}"]) == 0
        weights.append(read_checkpoint(tmp_path / name / "last.ckpt")["state_dict"])
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
