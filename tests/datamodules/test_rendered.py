from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.errors import AnnotationError, ConfigError, DataError
from aher_lightning.video.contract import TemporalContract

CONTRACT = TemporalContract(fps=10.0, clip_length=8, snippet_stride=8, first_centre_frames=4.0, resize=16, crop=16)


def data_module(root: Path, **options: Any) -> RenderedDataModule:
    return RenderedDataModule(root, contract=CONTRACT, batch_size=2, cache_frames=True, **options)


def test_a_rendered_benchmark_is_read(tiny_benchmark: Path) -> None:
    data = data_module(tiny_benchmark)
    split = json.loads((tiny_benchmark / "split.json").read_text())
    assert data.untrimmed_categories == split["untrimmed"]
    assert data.moment_categories == split["moment"]
    assert {video.video_id for video in data.untrimmed_videos()} == {"un_train_00000", "un_train_00001"}
    assert {video.video_id for video in data.evaluation_videos()} == {"am_val_00000", "am_val_00001"}


def test_every_video_and_moment_has_its_file(tiny_benchmark: Path) -> None:
    data = data_module(tiny_benchmark)
    paths = data.video_paths()
    clips = data.moment_clips()
    assert set(paths) == {*data.videos, *(clip.video_id for clip in clips)}
    assert all(path.is_file() for path in paths.values())
    assert len(clips) == 2 * len(data.moment_categories)


def test_batches_of_pixels_come_from_the_files(tiny_benchmark: Path) -> None:
    data = data_module(tiny_benchmark)
    batch, _, _ = next(iter(data.train_dataloader()))
    for part in batch.values():
        assert part.snippets.values.shape[1:] == (3, 8, 16, 16)
        assert part.snippets.lengths.sum() == len(part.snippets.values)
    assert batch["untrimmed"].durations_sec.min() >= 6


def test_training_clips_start_at_any_frame_and_those_of_evaluation_do_not(tiny_benchmark: Path) -> None:
    plain, varied = data_module(tiny_benchmark), data_module(tiny_benchmark, any_start=True)
    for part in ("foreground", "moments"):
        first, second, again = (
            torch.cat([next(batches).snippets.values.flatten() for _ in range(3)])
            for batches in (iter(data.training_loader(part)) for data in (plain, varied, varied))
        )
        assert torch.equal(second, again)
        assert not torch.equal(first, second)
    scored, unchanged = (next(iter(data.val_dataloader())) for data in (plain, varied))
    assert torch.equal(scored.snippets.values, unchanged.snippets.values)


def test_a_folder_without_a_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rendered benchmark; write one with 'aher render --output"):
        data_module(tmp_path)


def test_a_label_outside_the_split_is_refused(tiny_benchmark: Path, tmp_path: Path) -> None:
    for name in ("split.json", "annotations.json"):
        shutil.copy(tiny_benchmark / name, tmp_path)
    annotations = (tmp_path / "annotations.json").read_text()
    label = data_module(tmp_path).untrimmed_categories[0]
    (tmp_path / "annotations.json").write_text(annotations.replace(f'"{label}"', '"yawning"'))
    with pytest.raises(AnnotationError, match="label 'yawning' is not among the 4 known categories"):
        data_module(tmp_path)


def test_full_supervision_needs_annotated_videos_of_the_moment_categories(tiny_benchmark: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"no annotated training video of 2 moment .* --moment-training-videos 2 or more"
    ):
        RenderedDataModule(tiny_benchmark, contract=CONTRACT, label_fraction=0.5)
    content = json.loads((tiny_benchmark / "annotations.json").read_text())
    for name in ("am_val_00000", "am_val_00001"):
        content["database"][name.replace("val", "train")] = content["database"][name] | {"subset": "training"}
    shutil.copy(tiny_benchmark / "split.json", tmp_path)
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    data = RenderedDataModule(tmp_path, contract=CONTRACT, label_fraction=0.5)
    assert {video.video_id for video in data.untrimmed_videos()} == {"am_train_00000", "am_train_00001"}
    assert (data.categories.untrimmed, data.categories.moment) == (data.moment_categories, [])


def test_a_category_in_both_splits_is_refused(tiny_benchmark: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_benchmark / "annotations.json", tmp_path)
    (tmp_path / "split.json").write_text(json.dumps({"untrimmed": ["a", "b"], "moment": ["b"]}))
    with pytest.raises(ConfigError, match=r"split\.json: category 'b' is in both category sets"):
        data_module(tmp_path)
