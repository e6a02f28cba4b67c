from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.datasets.collate import pack_snippets
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import CheckpointError, ContractError, VideoError
from aher_lightning.inference.localizer import Localizer
from tests.helpers.toy import MOMENT
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import toy_localizer
from tests.helpers.videos import VideoSpec, write_sound, write_truncated, write_video


@pytest.fixture
def localizer(tmp_path: Path) -> Localizer:
    return Localizer.from_checkpoint(checkpointed_localizer(tmp_path)[1])


def test_actions_lie_within_the_video(localizer: Localizer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=83))
    found = localizer.localize(video)
    assert found.path == video
    assert found.duration_sec == pytest.approx(8.3)
    segments, scores, labels = found.detections
    assert len(segments) == len(scores) == len(labels) > 0
    assert segments.min() >= 0
    assert segments.max() <= 8.3
    assert labels.max() < len(localizer.categories)
    assert localizer.categories == MOMENT
    assert not scores.requires_grad


def test_equals_what_the_module_detects(localizer: Localizer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=60))
    snippets = pack_snippets([VideoFolder({"a": video}, localizer.contract).read("a")])
    with torch.no_grad():
        (expected,) = localizer.module.detect(snippets, torch.tensor([6.0], dtype=torch.float64))
    for ours, theirs in zip(localizer.localize(video).detections, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_video_shorter_than_a_clip_is_no_problem(localizer: Localizer, tmp_path: Path, num_frames: int) -> None:
    video = write_video(tmp_path / "short.mp4", VideoSpec(num_frames=num_frames))
    found = localizer.localize(video)
    assert found.duration_sec == pytest.approx(num_frames / 10)
    assert found.detections.segments.max() <= found.duration_sec


def test_what_is_no_video_is_refused(localizer: Localizer, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    write_truncated(tmp_path / "cut.mp4")
    write_sound(tmp_path / "sound.mp4")
    for name in ("empty.mp4", "text.mp4", "cut.mp4", "sound.mp4", "missing.mp4"):
        with pytest.raises(VideoError, match=name) as caught:
            localizer.localize(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_a_module_must_know_how_frames_become_snippets() -> None:
    with pytest.raises(ContractError, match="no temporal contract yet"):
        Localizer(toy_localizer())


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        Localizer.from_checkpoint(tmp_path / "none.ckpt")
