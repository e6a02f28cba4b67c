from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.importers.video_facts import VideoFacts
from aher_lightning.errors import DataError, VideoError
from tests.helpers.videos import VideoSpec, write_video


def test_videos_are_found_by_their_name(tmp_path: Path) -> None:
    write_video(tmp_path / "v.1.mp4", VideoSpec(num_frames=20))
    (tmp_path / "notes.txt").touch()
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    facts = VideoFacts(tmp_path)
    info = facts.find("v.1")
    assert info is not None
    assert (info.duration_sec, info.average_fps, info.has_constant_rate) == (2.0, 10.0, True)
    assert facts.find("v.1") is info
    assert facts.find("notes") is None
    with pytest.raises(VideoError, match=r"broken.mp4: is damaged"):
        facts.find("broken")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder of videos"):
        VideoFacts(tmp_path / "nowhere")
