from __future__ import annotations

from pathlib import Path

from aher_lightning.datasets.snippet_source import SnippetSource, VideoSource
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.video.contract import TemporalContract


def test_features_and_videos_are_read_alike(tmp_path: Path) -> None:
    contract = TemporalContract(fps=10.0)
    assert isinstance(NpyFeatureStore(tmp_path), SnippetSource)
    assert isinstance(VideoFolder({}, contract), SnippetSource)


def test_both_know_their_videos(tmp_path: Path) -> None:
    contract = TemporalContract(fps=10.0)
    sources: list[VideoSource] = [
        NpyFeatureStore.create(tmp_path / "store", contract),
        VideoFolder({"a": tmp_path / "a.mp4"}, contract),
    ]
    assert [source.video_ids for source in sources] == [[], ["a"]]


def test_something_that_cannot_be_read_is_no_source() -> None:
    assert not isinstance({}, SnippetSource)
    assert not isinstance(TemporalContract(fps=10.0), SnippetSource)
