from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.annotations.records import Instance
from aher_lightning.annotations.trimmed_clips import TrimmedClip
from aher_lightning.datamodules.folder import FolderDataModule
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import AnnotationError, ConfigError, DataError
from aher_lightning.modules.aher import AherModule
from aher_lightning.modules.localizer import LocalizerModule
from aher_lightning.modules.variant_phases import ContextPhase
from aher_lightning.video.contract import TemporalContract
from tests.helpers.paper_data import entry, touch, write_features, write_split
from tests.helpers.toy import MeanBackbone, toy_loss, toy_network
from tests.helpers.training import quiet_trainer
from tests.helpers.videos import REAL_VIDEOS, VideoSpec, needs_real_videos, write_video

CONTRACT = TemporalContract(fps=10.0, clip_length=4, snippet_stride=4, first_centre_frames=2.0, resize=8, crop=8)

DATABASE = {
    "t0": entry("training", ("jump", 1.0, 2.0), ("clap", 2.5, 3.0), duration=4.0),
    "t1": entry("training", ("wave", 0.5, 2.0), duration=4.0),
    "empty": entry("training", duration=4.0),
    "lost": entry("training", duration=4.0),
    "v0": entry("validation", ("clap", 1.0, 2.0), ("jump", 2.0, 3.0), duration=4.0),
    "hidden": entry("testing", ("jump", 1.0, 2.0), duration=4.0),
}

FILES = (
    *(f"videos/{name}.mp4" for name in ("t0", "t1", "empty", "v0", "hidden")),
    *(f"moments/{name}.mp4" for name in ("clap/0", "clap/1", "nod/0", "jump/0")),
    *(f"street/{name}.mp4" for name in ("a", "b")),
)

STEMS = (("clap", 0), ("clap", 1), ("nod", 0))

SETS: dict[str, Any] = {"untrimmed_categories": ["jump", "wave"], "moment_categories": ["clap", "nod"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    touch(tmp_path, *FILES)
    (tmp_path / "annotations.json").write_text(json.dumps({"database": DATABASE}))
    return tmp_path


def data_module(root: Path, **options: Any) -> FolderDataModule:
    settings: dict[str, Any] = {"moments": root / "moments", "contract": CONTRACT, "batch_size": 4}
    return FolderDataModule(root / "videos", root / "annotations.json", **(settings | options))


def names(videos: Any) -> list[str]:
    return [video.video_id for video in videos]


def test_who_serves_for_what(root: Path) -> None:
    data = data_module(root, **SETS)
    assert (data.categories.untrimmed, data.categories.names) == (["jump", "wave"], ["clap", "nod"])
    assert names(data.untrimmed_videos()) == ["t0", "t1"]
    assert data.untrimmed_videos()[0].instances == (Instance("jump", 1.0, 2.0),)
    assert names(data.evaluation_videos()) == ["v0"]
    assert names(data.moment_clips()) == ["clap--0", "clap--1", "nod--0"]
    expected = {name: root / "videos" / f"{name}.mp4" for name in ("t0", "t1", "empty", "v0")}
    moments = {f"{name}--{stem}": root / "moments" / name / f"{stem}.mp4" for name, stem in STEMS}
    assert data.video_paths() == expected | moments
    assert data.file_folders() == [root / "videos", root / "moments"]


def test_categories_follow_from_the_data(root: Path) -> None:
    data = data_module(root)
    assert data.untrimmed_categories == ["jump", "clap", "wave"]
    assert data.moment_categories == ["nod"]
    given = data_module(root, moment_categories=["clap"])
    assert (given.untrimmed_categories, given.moment_categories) == (["jump", "wave"], ["clap"])
    given = data_module(root, untrimmed_categories=["wave"])
    assert (given.untrimmed_categories, given.moment_categories) == (["wave"], ["clap", "jump", "nod"])


def test_a_split_file_names_the_categories(root: Path) -> None:
    split = write_split(root / "split.json", ["wave"], ["clap"])
    data = data_module(root, split=split)
    assert (data.untrimmed_categories, data.moment_categories) == (["wave"], ["clap"])
    assert names(data.untrimmed_videos()) == ["t1"]


def test_subsets_may_have_other_names(root: Path) -> None:
    data = data_module(root, training_subset="validation", validation_subset="testing", **SETS)
    assert names(data.untrimmed_videos()) == ["v0"]
    assert {name: video.subset for name, video in data.videos.items()} == {"v0": "training", "hidden": "validation"}


def test_file_names_tell_the_categories_of_moments(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    touch(root, "flat/s1_0_clap.mp4", "flat/s1_1_nod.mp4", "flat/s1_2_jump.mp4", "flat/s2_3_clap.mp4")
    options = {"moments": root / "flat", "moment_names": "s1_*_{category}", "untrimmed_categories": ["jump", "wave"]}
    data = data_module(root, **options)
    assert data.moment_categories == ["clap", "nod"]
    assert data.moment_clips() == [
        TrimmedClip("clap--s1_0_clap", None, "clap"),
        TrimmedClip("nod--s1_1_nod", None, "nod"),
    ]
    assert data.video_paths()["nod--s1_1_nod"] == root / "flat" / "s1_1_nod.mp4"
    assert [text for text in caplog.messages if "left out 1 of 4 video files" in text]


def test_moments_are_cut_out_of_a_table_of_spans(root: Path) -> None:
    touch(root, "long/m0.mp4")
    (root / "moments.csv").write_text("video,start,end,label\nm0,1.0,2.0,clap\nm0,3,4.5,nod\nm0,5,6,jump\n")
    options = {"moments": root / "long", "moment_annotations": root / "moments.csv", "untrimmed_categories": ["jump"]}
    data = data_module(root, rules=SampleRules(min_moment_snippets=8), **options)
    assert data.moment_categories == ["clap", "nod"]
    assert data.moment_clips() == [TrimmedClip("m0", (1.0, 2.0), "clap"), TrimmedClip("m0", (3.0, 4.5), "nod")]
    assert data.video_paths()["m0"] == root / "long" / "m0.mp4"
    # Widened to eight snippets of 0.4 seconds each.
    assert all(clip.span_sec[1] - clip.span_sec[0] > 3.0 for clip in data._moment_dataset().clips if clip.span_sec)


def test_moments_can_be_cut_out_of_the_training_videos_themselves(root: Path) -> None:
    data = data_module(
        root, moments=None, moment_annotations=root / "annotations.json", **(SETS | {"moment_categories": ["clap"]})
    )
    assert data.moment_clips() == [TrimmedClip("t0", (2.5, 3.0), "clap")]
    assert data.moment_layout.categories == ["jump", "clap", "wave"]


def test_a_moment_of_an_evaluated_video_is_refused(root: Path) -> None:
    (root / "moments.csv").write_text("video,start,end,label\nv0,1.0,2.0,clap\n")
    data = data_module(root, moments=None, moment_annotations=root / "moments.csv", moment_categories=["clap"])
    with pytest.raises(
        AnnotationError, match=r"moments\.csv: moments cannot be cut from video 'v0', which is evaluated"
    ):
        data.moment_clips()


def test_tables_and_folders_of_thumos14_serve_too(root: Path, tmp_path: Path) -> None:
    rows = ["t0,1,2,jump,training,4", "v0,1,2,clap,validation,"]
    (root / "table.csv").write_text("\n".join(["video,start,end,label,subset,duration", *rows]))
    data = FolderDataModule(root / "videos", root / "table.csv", root / "moments", contract=CONTRACT)
    assert {name: (video.subset, video.has_duration) for name, video in data.videos.items()} == {
        "t0": ("training", True),
        "v0": ("validation", False),
    }
    for subset, ending, video in (("validation", "val", "video_validation_1"), ("test", "test", "video_test_1")):
        folder = tmp_path / "thumos" / f"temporal_annotations_{subset}"
        folder.mkdir(parents=True)
        (folder / f"Diving_{ending}.txt").write_text(f"{video} 1.0 2.0\n")
        (folder.parent / f"{subset}_durations.txt").write_text(f"{video}\n9.0\n")
    subsets: dict[str, Any] = {"training_subset": "validation", "validation_subset": "test"}
    data = FolderDataModule(root / "videos", tmp_path / "thumos", root / "moments", contract=CONTRACT, **subsets)
    assert {name: video.subset for name, video in data.videos.items()} == {
        "video_validation_1": "training",
        "video_test_1": "validation",
    }


def test_background_makes_up_its_share_of_the_untrimmed_samples(root: Path) -> None:
    data = data_module(root, background=root / "street", **SETS)
    # An entry without instances counts as well, if its file is there.
    assert names(data.background_videos()) == ["empty", "background--a", "background--b"]
    samples = Counter(names(data._untrimmed_dataset().videos))
    assert samples == {"t0": 5, "t1": 4, "empty": 1, "background--a": 1, "background--b": 1}
    assert len(data._foreground_dataset()) == 2
    half = data_module(root, background=root / "street", background_fraction=0.5, **SETS)
    assert Counter(names(half._untrimmed_dataset().videos))["t0"] == 2
    assert data.file_folders() == [root / "videos", root / "moments", root / "street"]
    some = data_module(root, background=root / "street", background_names="[!a]", **SETS)
    assert names(some.background_videos()) == ["empty", "background--b"]


def test_features_decide_what_is_there(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    durations = dict.fromkeys(["t0", "v0", "clap--0", "nod--0", "background--a"], 9.0)
    store = write_features(root / "features", durations, CONTRACT)
    data = data_module(root, background=root / "street", features=store, batch_size=6, untrimmed_categories=["jump"])
    data._named = (["jump"], ["clap", "nod"])
    batch, _, _ = next(iter(data.train_dataloader()))
    assert set(batch["moments"].video_ids) == {"clap--0", "nod--0"}
    durations = dict(zip(batch["untrimmed"].video_ids, batch["untrimmed"].durations_sec.tolist(), strict=True))
    assert durations.items() <= {"t0": 4.0, "background--a": 9.0}.items()
    assert f"left out 1 of 2 videos of background: no features in {root / 'features'}" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"split": Path("x.json"), "moment_categories": ["a"]},
            "'split' and lists of categories exclude each other; remove",
        ),
        ({"background_fraction": 1.0}, "'background_fraction' is 1.0, but must be above 0 and below 1; correct it"),
        ({"validation_subset": "training"}, "training and validation subset are both 'training'; set different ones"),
        ({"moment_names": "a"}, r"the pattern 'a' has \{category\} 0 times"),
        ({"moment_names": "{category}", "moments": None}, "'moment_names' is the pattern of file names in 'moments'"),
        ({"moment_names": "{category}", "moment_annotations": Path("x.csv")}, "remove 'moment_annotations'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str, root: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        data_module(root, **options)


def test_what_is_lacking_is_told(root: Path) -> None:
    with pytest.raises(ConfigError, match="the place of the moments is missing; set 'moments' or"):
        data_module(root, moments=None).moment_clips()
    with pytest.raises(ConfigError, match=r"all categories of moments are among the untrimmed ones of .*; list in"):
        _ = data_module(root, untrimmed_categories=["clap", "nod", "jump"]).moment_categories
    (root / "none").mkdir()
    with pytest.raises(DataError, match=r"none: has no video file '\*'; add background videos, correct"):
        data_module(root, background=root / "none", **SETS).video_paths()


def test_a_category_without_moments_names_those_that_have_some(root: Path) -> None:
    touch(root, "flat/s1_0_clap.mp4", "flat/s1_1_nod.mp4", "videos/t0.mp4")
    named = {"moments": root / "flat", "moment_names": "s1_*_{category}", "untrimmed_categories": ["jump"]}
    data = data_module(root, moment_categories=["Nod"], parts=["moments"], **named)
    message = r"no trimmed clip for Nod, did you mean 'nod'; add clips or remove .* \(categories found: clap, nod\)$"
    with pytest.raises(DataError, match=message):
        data.train_dataloader()
    data = data_module(root, parts=["moments"], **(SETS | {"moment_categories": ["clap", "sneeze"]}))
    with pytest.raises(DataError, match=r"'sneeze'; put its clips there, or .* \(folders found: clap, jump, nod\)$"):
        data.train_dataloader()
    (root / "moments" / "yawn").mkdir()
    data = data_module(root, parts=["moments"], **(SETS | {"moment_categories": ["clap", "yawn"]}))
    data.__dict__["source"] = VideoFolder({}, CONTRACT)
    with pytest.raises(DataError, match=r"no trimmed clip for yawn; add .* \(categories found: clap, jump, nod\)$"):
        data.train_dataloader()


def test_files_of_no_use_are_listed_by_the_reason(root: Path) -> None:
    assert data_module(root, **SETS).unmatched_files() == {}
    touch(root, "moments/loose.mp4")
    data = data_module(root, background=root / "street", background_names="a*", **SETS)
    assert data.unmatched_files() == {
        "moments, in no folder of a category": [root / "moments" / "loose.mp4"],
        "background, no name like 'a*'": [root / "street" / "b.mp4"],
    }
    assert data_module(root, moments=None, **SETS).unmatched_files() == {}


def test_moments_are_optional_where_none_are_read(root: Path) -> None:
    assert data_module(root, **SETS).has_moments
    assert not data_module(root, moments=None, **SETS).has_moments
    assert not data_module(root, parts=["untrimmed"], **SETS).has_moments
    assert data_module(root, **SETS).found_categories() == ["clap", "jump", "nod"]


def test_two_files_of_one_name_are_refused(root: Path) -> None:
    touch(root, "long/t0.mp4")
    (root / "moments.csv").write_text("video,start,end,label\nt0,1.0,2.0,clap\n")
    data = data_module(root, moments=root / "long", moment_annotations=root / "moments.csv", **SETS)
    with pytest.raises(DataError, match=r"long/t0\.mp4: same name as .*videos/t0\.mp4; rename one of them"):
        data.video_paths()


def test_full_supervision_needs_no_moments(root: Path) -> None:
    data = data_module(root, moments=None, label_fraction=1.0, **(SETS | {"moment_categories": ["clap"]}))
    assert names(data.untrimmed_videos()) == ["t0"]
    assert set(data.video_paths()) == {"t0", "t1", "empty", "v0"}


@pytest.fixture
def small_videos(root: Path) -> Path:
    """Videos that can be decoded: four seconds, background of two."""
    for name in FILES:
        write_video(root / name, VideoSpec(num_frames=20 if name.startswith("street") else 40))
    return root


def background_only(root: Path, **options: Any) -> FolderDataModule:
    """Data whose untrimmed samples are nearly all background."""
    data = data_module(root, background=root / "street", cache_frames=True, **SETS, **options)
    background = data.background_videos()
    data._untrimmed_samples = lambda: background  # type: ignore[method-assign]
    return data


def test_background_has_the_duration_of_its_file(small_videos: Path) -> None:
    batch, _, _ = next(iter(background_only(small_videos).train_dataloader()))
    durations = dict(zip(batch["untrimmed"].video_ids, batch["untrimmed"].durations_sec.tolist(), strict=True))
    assert durations["background--a"] == pytest.approx(2.0)
    assert durations["empty"] == 4.0
    assert batch["untrimmed"].labels.shape == (4, 0)


def test_every_phase_trains_on_background_alone(small_videos: Path, tmp_path: Path) -> None:
    data = background_only(small_videos)
    torch.manual_seed(0)
    shared: dict[str, Any] = {"network": toy_network, "loss": toy_loss()}
    for module in (
        LocalizerModule(data.categories, contexts=ContextPhase(enabled=True), backbone=MeanBackbone(), **shared),
        AherModule(data.categories, backbone=MeanBackbone(), **shared),
    ):
        trainer = quiet_trainer(tmp_path, enable_checkpointing=False, callbacks=[])
        trainer.fit(module, datamodule=data)
        losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
        assert losses["train/untrimmed_cls"] == 0
        assert losses["train/untrimmed_prop"] > 0
        assert all(torch.isfinite(torch.tensor(value)) for value in losses.values())
        assert all(parameter.isfinite().all() for parameter in module.parameters())
    assert losses["train/detector"] > 0


@pytest.mark.real_data
@needs_real_videos
def test_real_interactions_are_read() -> None:
    root = REAL_VIDEOS / "ut_interaction"
    data = FolderDataModule(
        root / "untrimmed",
        root / "annotations.json",
        root / "moments",
        moment_names="ut_s1_q0[1-4]_*_{category}",
        untrimmed_categories=["handshake", "hug", "kick"],
        moment_categories=["point", "punch", "push"],
        background=root / "background",
        contract=TemporalContract(fps=10.0, resize=32, crop=32),
    )
    num_background = len(list((root / "background").glob("*.mp4")))
    assert names(data.untrimmed_videos()) == ["ut_q01", "ut_q02", "ut_q03", "ut_q04"]
    assert sum(len(video.instances) for video in data.untrimmed_videos()) == 12
    assert names(data.evaluation_videos()) == ["ut_q05", "ut_q06", "ut_q09"]
    assert sum(len(video.instances) for video in data.evaluation_videos()) == 8
    assert Counter(clip.label for clip in data.moment_clips()) == {"point": 4, "punch": 4, "push": 4}
    assert len(data.video_paths()) == 7 + 12 + num_background
    samples = names(data._untrimmed_dataset().videos)
    assert sum(name.startswith("background--") for name in samples) == num_background
    assert len(samples) == pytest.approx(4 * num_background, abs=1)
    (clip,) = [one for one in data.moment_clips() if one.video_id == "push--ut_s1_q01_005_push"]
    assert len(data.source.read(clip.video_id).values) > 0
