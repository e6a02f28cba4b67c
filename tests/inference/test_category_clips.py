from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.inference.category_clips import (
    _check_name,
    count_clips,
    list_new_categories,
    pool_moments,
    read_clips,
    require_clips,
    show_nothing,
)
from aher_lightning.inference.rebuild import load_module
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.structures import SnippetSequences
from tests.helpers.added import random_moments
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.videos import VideoSpec, write_video


def folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_sub_folders_are_the_new_categories(tmp_path: Path) -> None:
    folders(tmp_path, "yawn", "bow", ".cache")
    (tmp_path / "readme.txt").touch()
    assert list_new_categories(tmp_path, ["clap"]) == ["bow", "yawn"]
    assert list_new_categories(tmp_path, ["clap"], ["yawn"]) == ["yawn"]


@pytest.mark.parametrize("name", ["clap", "Clap", "c_l-a p"])
def test_a_taken_name_is_refused_in_any_spelling(name: str, tmp_path: Path) -> None:
    folders(tmp_path, name)
    with pytest.raises(ConfigError, match="category 'clap' already exists; rename the folder"):
        list_new_categories(tmp_path, ["jump", "clap"])


def test_two_new_names_must_differ(tmp_path: Path) -> None:
    folders(tmp_path, "high jump", "high_jump")
    with pytest.raises(ConfigError, match="category 'high jump' already exists"):
        list_new_categories(tmp_path, [])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder; give one with a sub-folder of clips"):
        list_new_categories(tmp_path / "none", [])
    with pytest.raises(DataError, match="has no sub-folder"):
        list_new_categories(tmp_path, [])


@pytest.mark.parametrize(
    "name", ["", "---", ".hidden", "a/b", "a\\b", "a,b", " a", "a ", "a\nb", "a\x1b[0m", "x" * 201]
)
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a category") as caught:
        _check_name(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "Blow-drying hair", "踊る", "petting animal (not cat)"])
def test_ordinary_names_are_welcome(name: str) -> None:
    _check_name(name)


def test_clips_are_read_as_moments_and_broken_ones_left_out(tmp_path: Path) -> None:
    module = load_module(checkpointed_localizer(tmp_path)[1])
    assert isinstance(module, PhasedModule)
    root = folders(tmp_path / "moments", "bow", "yawn")
    for number in range(2):
        write_video(root / "bow" / f"{number}.mp4", VideoSpec(num_frames=20 + 9 * number, first_number=number))
    write_video(root / "yawn" / "good.mp4", VideoSpec(num_frames=30))
    (root / "yawn" / "bad.mp4").write_text("no video")
    assert count_clips(root, ["bow", "yawn"]) == {"bow": 2, "yawn": 2}
    with show_nothing("Reading", 4) as progress:
        clips = read_clips(module, root, ["bow", "yawn"], None, progress)
    assert clips.moments.labels.tolist() == [0, 0, 1]
    assert len(clips.unusable) == 1
    assert "bad.mp4" in clips.unusable[0]
    folder = VideoFolder({"a": root / "yawn" / "good.mp4"}, module.require_contract())
    snippets = SnippetSequences.pack([folder.read("a")])
    with torch.no_grad():
        levels = module.network.levels(module.encode(snippets, module.network.moment_length))
        expected = module.snippet_features(snippets.values)
    torch.testing.assert_close(clips.moments.snippets.select([2]).values, expected.half())
    for pooled, features in zip(pool_moments(module, clips.moments), levels, strict=True):
        torch.testing.assert_close(pooled[2], features[0].mean(dim=-1), atol=2e-3, rtol=0)


def test_many_moments_are_pooled_as_each_alone(tmp_path: Path) -> None:
    module = load_module(checkpointed_localizer(tmp_path)[1])
    assert isinstance(module, PhasedModule)
    many, one = random_moments([0] * 70), random_moments([0] * 70)
    one = one._replace(snippets=one.snippets.select([66]), labels=one.labels[:1])
    for pooled, alone in zip(pool_moments(module, many), pool_moments(module, one), strict=True):
        assert len(pooled) == 70
        torch.testing.assert_close(pooled[66:67], alone)


def test_too_few_clips_are_refused(tmp_path: Path) -> None:
    require_clips(tmp_path, {"bow": 2}, 2)
    with pytest.raises(DataError, match="bow: has 1 usable clips, but a category needs at least 2; add clips"):
        require_clips(tmp_path, {"yawn": 3, "bow": 1}, 2)
