from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import CheckpointError, ConfigError, ContractError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.inference.localizer import Localizer
from aher_lightning.modules.provenance import made_by
from aher_lightning.ops.windows import merge_windows, split_windows
from aher_lightning.structures import SnippetSequences
from aher_lightning.video.clips import count_clips
from tests.helpers.broken_readers import BrokenReader
from tests.helpers.detectors import DETECTORS
from tests.helpers.toy import CHANNELS, MOMENT
from tests.helpers.trained import checkpointed_localizer, precomputed_localizer
from tests.helpers.training import small_contract, toy_localizer
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
    snippets = SnippetSequences.pack([VideoFolder({"a": video}, localizer.contract).read("a")])
    with torch.no_grad():
        (expected,) = localizer.module.detect(snippets, torch.tensor([6.0], dtype=torch.float64))
    for ours, theirs in zip(localizer.localize(video).detections, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("window_sec", [None, 0.25, 1.0])
def test_segments_of_every_detector_have_a_length(name: str, window_sec: float | None, tmp_path: Path) -> None:
    module = DETECTORS[name]()
    module.contract = small_contract(snippet_stride=1)
    localizer = Localizer(module, window_sec=window_sec)
    for num_frames in (1, 2, 3, 7, 23):
        video = write_video(tmp_path / f"{num_frames}.mp4", VideoSpec(num_frames=num_frames))
        found = localizer.localize(video)
        starts, ends = found.detections.segments.unbind(dim=1)
        assert (ends > starts).all()
        assert (starts >= 0).all()
        assert (ends <= found.duration_sec).all()


@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_video_shorter_than_a_clip_is_no_problem(localizer: Localizer, tmp_path: Path, num_frames: int) -> None:
    video = write_video(tmp_path / "short.mp4", VideoSpec(num_frames=num_frames))
    found = localizer.localize(video)
    assert found.duration_sec == pytest.approx(num_frames / 10)
    assert found.detections.segments.max() <= found.duration_sec


def test_a_long_video_is_localized_in_windows(tmp_path: Path) -> None:
    video = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=400))
    checkpoint = checkpointed_localizer(tmp_path)[1]
    localizer = Localizer.from_checkpoint(checkpoint, window_sec=8.0)
    found = localizer.localize(video)
    assert found.num_windows == 5
    folder = VideoFolder({"v": video}, localizer.contract)
    windows = split_windows(found.duration_sec, 8.0)
    candidates = []
    for window in windows:
        snippets = SnippetSequences.pack([folder.read("v", (window.start_sec, window.end_sec))])
        with torch.no_grad():
            candidates.append(localizer.module.candidates(snippets))
    merged = merge_windows(windows, candidates, found.duration_sec)
    # All candidates of all windows give what the shortlists of the windows give.
    (expected,) = localizer.module.select(merged, torch.tensor([found.duration_sec]).double(), 5)
    best = slice(0, 50)
    torch.testing.assert_close(found.detections.segments[best], expected.segments[best])
    torch.testing.assert_close(found.detections.scores[best], expected.scores[best])
    assert len(set(map(tuple, found.detections.segments.tolist()))) <= 500
    assert found.detections.segments.max() <= found.duration_sec


def test_windows_as_long_as_the_video_change_nothing(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=60))
    checkpoint = checkpointed_localizer(tmp_path)[1]
    whole = Localizer.from_checkpoint(checkpoint).localize(video).detections
    for window_sec in (5.0, 6.0, 100.0):
        same = Localizer.from_checkpoint(checkpoint, window_sec=window_sec).localize(video).detections
        assert all(torch.equal(one, other) for one, other in zip(whole, same, strict=True))


def test_the_checkpoint_says_how_long_windows_are(tmp_path: Path) -> None:
    checkpoint = checkpointed_localizer(tmp_path)[1]
    assert Localizer.from_checkpoint(checkpoint).window_sec is None
    content = torch.load(checkpoint)
    content[STATE_KEY]["window_sec"] = 12.5
    torch.save(content, checkpoint)
    assert Localizer.from_checkpoint(checkpoint).window_sec == 12.5
    assert Localizer.from_checkpoint(checkpoint, window_sec=3.0).window_sec == 3.0
    with pytest.raises(ConfigError, match="'window_sec' is 0"):
        Localizer.from_checkpoint(checkpoint, window_sec=0.0)


def test_what_is_kept_can_be_chosen(localizer: Localizer, tmp_path: Path) -> None:
    video = str(write_video(tmp_path / "a.mp4", VideoSpec(num_frames=60)))
    everything = localizer.localize(video).detections
    assert torch.equal(localizer.localize(video, top_k=3).detections.scores, everything.scores[:3])
    limit = float(everything.scores[4])
    assert localizer.localize(video, min_score=limit).detections.scores.min() >= limit
    name = MOMENT[int(everything.labels[0])]
    of_one = localizer.localize(video, categories=[name]).detections
    assert torch.equal(of_one.scores, everything.scores[everything.labels == everything.labels[0]])
    with pytest.raises(ConfigError, match="'top_k' is 0"):
        localizer.localize(video, top_k=0)
    with pytest.raises(ConfigError, match="no category 'sneeze'"):
        localizer.localize(video, categories=["sneeze"])


def test_progress_is_told_in_clips(localizer: Localizer, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", VideoSpec(num_frames=200))
    done: list[int] = []
    localizer.localize(video, report=done.append)
    assert sum(done) == count_clips(20.0, localizer.contract)
    assert len(done) > 1


def test_threads_share_a_localizer(localizer: Localizer, tmp_path: Path) -> None:
    videos = [write_video(tmp_path / f"{n}.mp4", VideoSpec(num_frames=40 + n, first_number=9 * n)) for n in range(6)]
    alone = [localizer.localize(video).detections for video in videos]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(localizer.localize, videos * 2))
    for found, expected in zip(together, alone * 2, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(found.detections, expected, strict=True))


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


def test_a_child_process_finds_the_same_and_survives_crashes(localizer: Localizer, tmp_path: Path) -> None:
    video, crash = (write_video(tmp_path / name, VideoSpec(num_frames=60)) for name in ("a.mp4", "crash_decode.mp4"))
    apart = Localizer(localizer.module, BrokenReader(), time_limit_sec=30)
    with pytest.raises(VideoError, match=r"crash_decode\.mp4: its decoder crashed"):
        apart.localize(crash)
    for ours, theirs in zip(apart.localize(video).detections, localizer.localize(video).detections, strict=True):
        assert torch.equal(ours, theirs)
    apart.frames.close()


def test_features_of_a_video_are_localized_like_the_video(tmp_path: Path) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    video = write_video(tmp_path / "long.mp4", VideoSpec(num_frames=200))
    localizer = Localizer.from_checkpoint(checkpoint, window_sec=8.0)
    store = NpyFeatureStore.create(tmp_path / "store", made_by(localizer.contract, module.backbone))
    with torch.no_grad():
        values = localizer.module.snippet_features(VideoFolder({"a": video}, localizer.contract).read("a").values)
    store.write("long", values, 20.0)
    found, expected = localizer.localize(tmp_path / "store" / "long.npy"), localizer.localize(video)
    assert (found.duration_sec, found.num_windows) == (20.0, expected.num_windows)
    for ours, theirs in zip(found.detections, expected.detections, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_precomputed_features_need_no_network_of_pixels(tmp_path: Path) -> None:
    localizer = Localizer.from_checkpoint(precomputed_localizer(tmp_path))
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((12, CHANNELS)).astype(np.float32))
    found = localizer.localize(tmp_path / "a.npy", top_k=3)
    assert found.duration_sec == pytest.approx((2 + 11 * 4 + 2) / 10)
    assert len(found.detections.scores) == 3
    with pytest.raises(ConfigError, match=r"PrecomputedFeatures has no network for pixels: give features"):
        localizer.localize(write_video(tmp_path / "a.mp4", VideoSpec(num_frames=20)))


def test_features_of_another_kind_are_refused(tmp_path: Path) -> None:
    localizer = Localizer.from_checkpoint(checkpointed_localizer(tmp_path)[1])
    features = torch.zeros(4, CHANNELS)
    other = replace(localizer.contract, snippet_stride=2, backbone="")
    NpyFeatureStore.create(tmp_path / "grid", other).write("a", features, 2.0)
    with pytest.raises(ContractError, match=r"snippet_stride is 4 in the checkpoint and 2 in .*grid; extract again"):
        localizer.localize(tmp_path / "grid" / "a.npy")
    others = replace(localizer.contract, weights_sha256="0" * 64)
    NpyFeatureStore.create(tmp_path / "weights", others).write("a", features, 2.0)
    with pytest.raises(ContractError, match="extracted by other backbone weights"):
        localizer.localize(tmp_path / "weights" / "a.npy")
    np.save(tmp_path / "wide.npy", np.zeros((4, CHANNELS + 1), dtype=np.float32))
    with pytest.raises(ContractError, match=f"features have {CHANNELS + 1} channels and the backbone {CHANNELS}"):
        localizer.localize(tmp_path / "wide.npy")
