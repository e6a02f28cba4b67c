import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aher_lightning.errors import ContractError, DataError
from aher_lightning.features.manifest import FeatureManifest, StoredVideo
from aher_lightning.video.contract import TemporalContract

CONTRACT = TemporalContract(fps=10.0)
VIDEO = StoredVideo(num_snippets=5, num_channels=3, dtype="float16", duration_sec=4.8, sha256="0" * 64)


def change(path: Path, **changes: object) -> None:
    """Overwrite some values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_entries_count_before_and_after_merging(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path / "store", CONTRACT)
    assert manifest.videos() == {}
    manifest.add("b", VIDEO)
    manifest.add("a.1", VIDEO)
    assert FeatureManifest(tmp_path / "store").videos() == {"a.1": VIDEO, "b": VIDEO}
    manifest.merge()
    assert list((tmp_path / "store" / "entries").iterdir()) == []
    assert FeatureManifest(tmp_path / "store").videos() == {"a.1": VIDEO, "b": VIDEO}
    assert list(json.loads((tmp_path / "store" / "manifest.json").read_text())["videos"]) == ["a.1", "b"]


def test_a_later_entry_replaces_an_earlier_one(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    manifest.merge()
    manifest.add("a", VIDEO._replace(num_snippets=9))
    assert manifest.videos()["a"].num_snippets == 9
    manifest.merge()
    assert manifest.videos()["a"].num_snippets == 9


def test_the_contract_is_kept_and_compared(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    assert manifest.contract == CONTRACT
    assert FeatureManifest.create(tmp_path, CONTRACT).contract == CONTRACT
    with pytest.raises(
        ContractError, match=r"fps is 25\.0 now and 10\.0 in \S+; write the features into another folder"
    ):
        FeatureManifest.create(tmp_path, replace(CONTRACT, fps=25.0))


def test_creating_again_loses_nothing(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    manifest.merge()
    assert FeatureManifest.create(tmp_path, CONTRACT).videos() == {"a": VIDEO}


def test_only_one_process_merges_at_a_time(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    lock = tmp_path / "manifest.lock"
    lock.touch()
    assert not manifest.merge()
    assert len(list((tmp_path / "entries").iterdir())) == 1
    assert manifest.videos() == {"a": VIDEO}
    # Its owner was killed long ago.
    os.utime(lock, (0, 0))
    assert manifest.merge()
    assert list((tmp_path / "entries").iterdir()) == []
    assert not lock.exists()


def test_an_entry_written_during_a_merge_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    newer = VIDEO._replace(sha256="1" * 64)
    read = manifest.videos

    def read_and_be_overtaken() -> dict[str, StoredVideo]:
        videos = read()
        manifest.add("a", newer)
        return videos

    monkeypatch.setattr(manifest, "videos", read_and_be_overtaken)
    manifest.merge()
    assert FeatureManifest(tmp_path).videos() == {"a": newer}


def test_a_missing_store_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nowhere: no feature store \(no manifest.json\); create one with 'aher extract'"
    ):
        FeatureManifest(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        FeatureManifest.create(tmp_path / "file" / "store", CONTRACT)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"version": 2}, "is not a manifest of a feature store"),
        ({"videos": []}, "is not a manifest of a feature store"),
        ({"contract": None}, "is not a manifest of a feature store"),
        ({"videos": {"a": {}}}, r"is damaged \(a video must have num_snippets"),
        ({"videos": {"../a": VIDEO._asdict()}}, r"is damaged \(video id '\.\./a' is no plain file name"),
        ({"videos": {"a": {**VIDEO._asdict(), "num_snippets": 0}}}, "must be positive, but are 0 and 3"),
        ({"videos": {"a": {**VIDEO._asdict(), "num_channels": "3"}}}, "must be positive"),
        ({"videos": {"a": {**VIDEO._asdict(), "duration_sec": -1}}}, r"duration_sec must be positive, but is -1\.0"),
        ({"videos": {"a": {**VIDEO._asdict(), "dtype": "int8"}}}, "dtype must be one of float16, float32"),
    ],
)
def test_damaged_manifests_get_one_line(tmp_path: Path, changes: dict[str, object], match: str) -> None:
    FeatureManifest.create(tmp_path, CONTRACT)
    change(tmp_path / "manifest.json", **changes)
    with pytest.raises(DataError, match=match) as caught:
        FeatureManifest(tmp_path)
    assert str(tmp_path / "manifest.json") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_contract_or_entry_names_its_file(tmp_path: Path) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    change(tmp_path / "entries" / "a.json", dtype="int8")
    with pytest.raises(DataError, match=r"a\.json: is damaged .*; delete it and extract the video again"):
        manifest.videos()
    change(tmp_path / "manifest.json", contract={"fps": 10.0})
    with pytest.raises(ContractError, match=r"manifest\.json: the temporal contract lacks"):
        FeatureManifest(tmp_path)


def test_an_entry_merged_while_it_is_read_is_found_in_the_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    listed = sorted((tmp_path / "entries").glob("*.json"))
    FeatureManifest(tmp_path).merge()
    monkeypatch.setattr(manifest, "_entry_paths", lambda: listed)  # what a slower process has listed before
    assert manifest.videos() == {"a": VIDEO}


def test_a_slow_process_never_empties_a_manifest_that_another_has_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    manifest.merge()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda self: self.name != "manifest.json" and exists(self))  # as it was before
    assert FeatureManifest.create(tmp_path, CONTRACT).videos() == {"a": VIDEO}


def test_one_video_is_found_wherever_it_is_recorded_by_now(tmp_path: Path) -> None:
    manifest, other = FeatureManifest.create(tmp_path, CONTRACT), FeatureManifest(tmp_path)
    assert manifest.find("a") is None
    other.add("a", VIDEO)
    assert manifest.find("a") == VIDEO
    other.merge()
    assert manifest.find("a") == VIDEO
    assert manifest.find("b") is None
    other.add("a", VIDEO._replace(num_snippets=9))
    assert manifest.find("a") == VIDEO._replace(num_snippets=9)


def test_a_manifest_is_not_read_again_for_every_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = FeatureManifest.create(tmp_path, CONTRACT)
    manifest.add("a", VIDEO)
    manifest.merge()
    assert manifest.find("a") == VIDEO
    monkeypatch.delattr(FeatureManifest, "_load")
    assert [manifest.find(video_id) for video_id in ("a", "b")] == [VIDEO, None]
