from __future__ import annotations

import json
import shutil
from dataclasses import replace
from math import lcm
from pathlib import Path
from typing import Any

import pytest
import torch

from aher_lightning.cli.commands import extract as command
from aher_lightning.cli.commands.extract import extract
from aher_lightning.cli.main import main
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.datasets.unusable_videos import read_unusable_videos
from aher_lightning.datasets.video_folder import VideoFolder
from aher_lightning.errors import CheckpointError, ConfigError, ContractError, VideoError
from aher_lightning.features.store import NpyFeatureStore
from aher_lightning.models.backbones.p3d import P3D
from aher_lightning.models.fingerprint import fingerprint
from aher_lightning.structures import InputSpec
from tests.helpers.broken_readers import BrokenReader
from tests.helpers.command_line import CONFIGS, extract_words
from tests.helpers.toy import EveryNth, MeanBackbone
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.training import small_contract


def data_module(root: Path, **changes: Any) -> RenderedDataModule:
    contract = small_contract()
    return RenderedDataModule(root, contract=type(contract)(**{**contract.to_dict(), **changes}))


def tiny_p3d() -> P3D:
    torch.manual_seed(1)
    return P3D(blocks=(1, 1, 1, 1), width=2)


def test_features_of_every_video_are_stored(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    data = data_module(tiny_benchmark)
    store = NpyFeatureStore(extract(data, tmp_path / "features", checkpoint=checkpoint))
    folder = data.video_folder()
    assert store.video_ids == sorted(folder.video_ids)
    assert store.verify() == []
    with torch.no_grad():
        expected = module.eval().snippet_features(folder.read("am_val_00000").values)
    torch.testing.assert_close(store.read("am_val_00000").values, expected)
    assert store.duration_sec("am_val_00000") == pytest.approx(folder.duration_sec("am_val_00000"))
    total = len(folder.video_ids)
    shown = capsys.readouterr().out
    assert f"Extracting features: {total}/{total} videos" in shown
    assert f"features of {total} videos written in" in shown
    assert "videos/s)" in shown


def test_the_contract_says_who_extracted(tiny_benchmark: Path, tmp_path: Path) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    root = extract(data_module(tiny_benchmark), tmp_path / "features", checkpoint=checkpoint)
    contract = NpyFeatureStore(root).contract
    assert (contract.backbone, contract.weights_sha256) == ("P3DSmall", fingerprint(module.backbone))
    assert contract.reader == "AutoReader"
    assert contract.reader_version
    small_contract().check_compatible(contract, ("backbone", "weights_sha256", "reader", "reader_version"))


def test_an_unfinished_store_is_completed(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    root = extract(data_module(tiny_benchmark), tmp_path / "features", checkpoint=checkpoint)
    kept, lost = root / "am_val_00000.npy", root / "am_val_00001.npy"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    capsys.readouterr()
    extract(data_module(tiny_benchmark), root, checkpoint=checkpoint)
    assert "features of 1 video written" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before
    assert lost.is_file()
    assert NpyFeatureStore(root).verify() == []


def test_another_contract_is_refused(tiny_benchmark: Path, tmp_path: Path) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    output = tmp_path / "features"
    other = data_module(tiny_benchmark, fps=5.0, snippet_stride=2)
    with pytest.raises(
        ContractError, match=r"fps is 10\.0 in the checkpoint and 5\.0 in data\.contract; snippet_str.*her ch"
    ):
        extract(other, output, checkpoint=checkpoint)
    with pytest.raises(ContractError, match=r"fps is 10\.0 in the checkpoint and 5\.0 in data\.contract; correct data"):
        extract(other, output, checkpoint=checkpoint, snippet_stride=2)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        extract(data_module(tiny_benchmark), output, checkpoint=tmp_path / "none.ckpt")
    assert not output.exists()


def test_another_grid_must_be_asked_for(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    output = tmp_path / "features"
    message = r"snippet_stride is 4 in the checkpoint and 2 in data\.contract; correct .* or add --snippet-stride=2 to"
    with pytest.raises(ContractError, match=message):
        extract(data_module(tiny_benchmark, snippet_stride=2), output, checkpoint=checkpoint)
    with pytest.raises(ContractError, match=r"first_centre_frames is 2\.0 in the .* 1\.0 in .* --snippet-stride=4 to"):
        extract(data_module(tiny_benchmark, first_centre_frames=1.0), output, checkpoint=checkpoint)
    with pytest.raises(ContractError, match="snippet_stride must be a positive integer, but is 0; correct it"):
        extract(data_module(tiny_benchmark), output, checkpoint=checkpoint, snippet_stride=0)
    assert not output.exists()
    shifted = data_module(tiny_benchmark, snippet_stride=2, first_centre_frames=1.0)
    capsys.readouterr()
    contract = NpyFeatureStore(extract(shifted, output, checkpoint=checkpoint, snippet_stride=2)).contract
    assert (contract.snippet_stride, contract.first_centre_frames) == (2, 1.0)
    shown = capsys.readouterr().out
    assert f"{checkpoint}: its backbone makes these features, but its network was trained on another grid" in shown
    assert "read these features with" not in shown  # as the data says so already


@pytest.mark.parametrize("stride", [2, 3, 8])
def test_every_snippet_of_both_grids_has_the_same_features(
    stride: int, tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, checkpoint = checkpointed_localizer(tmp_path)
    data = data_module(tiny_benchmark)
    own = NpyFeatureStore(extract(data, tmp_path / "own", checkpoint=checkpoint))
    assert "snippet_stride" not in capsys.readouterr().out
    other = NpyFeatureStore(extract(data, tmp_path / "other", checkpoint=checkpoint, snippet_stride=stride))
    assert (
        f"{other.root}: read these features with --data.contract.snippet_stride={stride}\n" in capsys.readouterr().out
    )
    assert other.contract == replace(own.contract, snippet_stride=stride)
    assert other.contract.weights_sha256 == fingerprint(module.backbone)
    assert other.video_ids == own.video_ids
    common = lcm(4, stride)
    for video_id in own.video_ids:
        first, second = own.read(video_id), other.read(video_id)
        assert second.first_centre == pytest.approx(first.first_centre)
        assert second.step == pytest.approx(first.step * stride / 4)
        of_own, of_other = first.values[:: common // 4], second.values[:: common // stride]
        torch.testing.assert_close(of_own, of_other, atol=1e-5, rtol=1e-5)


def test_features_of_another_grid_need_a_folder_of_their_own(tiny_benchmark: Path, tmp_path: Path) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    root = extract(data_module(tiny_benchmark), tmp_path / "features", checkpoint=checkpoint)
    message = rf"snippet_stride is 2 now and 4 in {root}; write the features into another folder"
    with pytest.raises(ContractError, match=message):
        extract(data_module(tiny_benchmark), root, checkpoint=checkpoint, snippet_stride=2)
    assert NpyFeatureStore(root).contract.snippet_stride == 4


def test_a_broken_video_costs_one_video(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    root = shutil.copytree(tiny_benchmark, tmp_path / "data")
    output = tmp_path / "features"
    broken = root / "videos" / "un_train_00001.mp4"
    broken.write_text("no video")
    with pytest.raises(VideoError, match=r"1 of \d+ videos could not be used, all others are done: see .*failures"):
        extract(data_module(root), output, checkpoint=checkpoint)
    total = len(data_module(root).video_folder().video_ids)
    assert len(NpyFeatureStore(output).video_ids) == total - 1
    (failure,) = read_unusable_videos(output / "failures.json")
    assert (failure.video, failure.path) == ("un_train_00001", str(broken))
    assert failure.reason.startswith("is damaged or no video")
    assert f"  {broken}: is damaged" in capsys.readouterr().out
    # Known failures can be left alone ...
    extract(data_module(root), output, checkpoint=checkpoint, retry_failed=False)
    assert "1 video left out, which failed before" in capsys.readouterr().out
    assert read_unusable_videos(output / "failures.json") == [failure]
    # ... but are tried again by default, as the file may have been mended.
    shutil.copy(tiny_benchmark / "videos" / "un_train_00001.mp4", broken)
    assert NpyFeatureStore(extract(data_module(root), output, checkpoint=checkpoint)).verify() == []
    assert len(NpyFeatureStore(output).video_ids) == total
    assert read_unusable_videos(output / "failures.json") == []


def test_videos_of_other_processes_are_counted(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    claim = tmp_path / "features" / "claims" / "am_val_00000"
    claim.parent.mkdir(parents=True)
    claim.write_text("elsewhere-00000000~1~1~00000000")
    store = NpyFeatureStore(extract(data_module(tiny_benchmark), tmp_path / "features", checkpoint=checkpoint))
    assert "1 videos are still being worked on by other processes" in capsys.readouterr().out
    assert len(store.video_ids) == len(data_module(tiny_benchmark).video_folder().video_ids) - 1


def test_many_failures_are_summed_up(tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = shutil.copytree(tiny_benchmark, tmp_path / "data")
    for path in root.rglob("*.mp4"):
        path.write_text("no video")
    _, checkpoint = checkpointed_localizer(tmp_path)
    with pytest.raises(VideoError, match="videos could not be used"):
        extract(data_module(root), tmp_path / "features", checkpoint=checkpoint)
    lines = capsys.readouterr().out.splitlines()
    total = len(data_module(root).video_folder().video_ids)
    assert sum(line.startswith("  ") for line in lines) == command.SHOWN_FAILURES + 1
    assert lines[-1] == f"  and {total - command.SHOWN_FAILURES} more"


def test_public_weights_in_place_of_a_checkpoint(tiny_benchmark: Path, tmp_path: Path) -> None:
    public = tiny_p3d()
    torch.save({"state_dict": {f"module.{name}": value for name, value in public.state_dict().items()}}, tmp_path / "w")
    words = ["extract", f"--config={CONFIGS / 'tiny_extract.yaml'}", f"--data.init_args.root={tiny_benchmark}"]
    words += ["--data.init_args.contract.clip_length=16", "--data.init_args.contract.first_centre_frames=8"]
    words += ["--snippet-stride", "8"]
    words += [
        "--backbone",
        "P3D",
        "--backbone.blocks=[1,1,1,1]",
        "--backbone.width=2",
        "--weights",
        str(tmp_path / "w"),
    ]
    assert main([*words, "--output", str(tmp_path / "features"), "--dtype", "float16", "--num-workers", "2"]) == 0
    store = NpyFeatureStore(tmp_path / "features")
    assert (store.contract.backbone, store.contract.weights_sha256) == ("P3D", fingerprint(public))
    assert (store.contract.clip_length, store.contract.snippet_stride, store.contract.crop) == (16, 8, 24)
    assert store.read(store.video_ids[0]).values.shape[1] == public.out_channels
    assert json.loads((store.root / "manifest.json").read_text())["videos"]["am_val_00000"]["dtype"] == "float16"


def test_options_that_do_not_fit_together(tiny_benchmark: Path, tmp_path: Path) -> None:
    data, output, file = data_module(tiny_benchmark), tmp_path / "features", tmp_path / "file"
    with pytest.raises(ConfigError, match="give either --checkpoint FILE, or --backbone CLASS"):
        extract(data, output)
    with pytest.raises(ConfigError, match="--weights FILE needs --backbone CLASS, such as P3D"):
        extract(data, output, weights=file)
    for options in ({"weights": file}, {"backbone": MeanBackbone()}):
        with pytest.raises(ConfigError, match="--checkpoint brings its backbone; leave --backbone and --weights out"):
            extract(data, output, checkpoint=file, **options)
    with pytest.raises(ConfigError, match="MeanBackbone brings no weights; add --weights FILE"):
        extract(data, output, backbone=MeanBackbone())
    with pytest.raises(ConfigError, match="'num_workers' must be at least 1 and 'time_limit_sec' above 0"):
        extract(data, output, checkpoint=file, num_workers=0)
    with pytest.raises(CheckpointError, match="MeanBackbone cannot read public weights; use P3D, add a method"):
        extract(data, output, backbone=MeanBackbone(), weights=file)
    with pytest.raises(CheckpointError, match="no such checkpoint; download the public weights"):
        extract(data, output, backbone=tiny_p3d(), weights=file)
    assert not output.exists()


class OwnWeights(EveryNth):
    """Wants clips of one size and normalization, and brings its weights."""

    @property
    def input_spec(self) -> InputSpec:
        return InputSpec(frames=8, size=24, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize=24)

    @property
    def brings_weights(self) -> bool:
        return True

    def load_own_weights(self) -> None:
        torch.nn.init.constant_(self.scale, 2.0)


def own_words(root: Path, output: Path, *options: str) -> list[str]:
    """Extract with the contract left to the backbone, but for what must be given."""
    data = [f"--data.root={root}", "--data.contract.fps=10", "--data.reader=PyAVReader"]
    return [
        *("extract", "--data=RenderedDataModule", *data, f"--backbone={__name__}.OwnWeights"),
        *(f"--output={output}", *options),
    ]


def test_a_backbone_brings_its_weights_and_fills_the_contract(tiny_benchmark: Path, tmp_path: Path) -> None:
    assert main(own_words(tiny_benchmark, tmp_path / "features", "--backbone.every=2")) == 0
    contract = NpyFeatureStore(tmp_path / "features").contract
    assert (contract.clip_length, contract.snippet_stride, contract.first_centre_frames) == (8, 4, 4.0)
    assert (contract.resize, contract.crop, contract.mean) == (24, 24, (0.0, 0.0, 0.0))
    assert (contract.backbone, contract.backbone_options) == ("OwnWeights", '{"every": 2}')
    loaded = OwnWeights(every=2)
    loaded.load_own_weights()
    assert contract.weights_sha256 == fingerprint(loaded)


def test_one_store_holds_features_of_one_set_of_options(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "features"
    assert main(own_words(tiny_benchmark, output, "--backbone.every=2")) == 0
    capsys.readouterr()
    assert main(own_words(tiny_benchmark, output, "--backbone.every=4")) == 1
    shown = capsys.readouterr().err
    assert """backbone_options is '{"every": 4}' now and '{"every": 2}' in""" in " ".join(shown.split())
    # A store of an earlier version does not say which options it was made with.
    manifest = json.loads((output / "manifest.json").read_text(encoding="utf-8"))
    del manifest["contract"]["backbone_options"]
    (output / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert main(own_words(tiny_benchmark, output, "--backbone.every=4")) == 0


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("crop=20", "crop 24 and data.contract says 20"),
        ("mean=[0.5,0.5,0.5]", "mean [0.0, 0.0, 0.0] and data.contract says [0.5, 0.5, 0.5]"),
        ("clip_length=16", "clip_length 8 and data.contract says 16"),
    ],
)
def test_clips_unlike_those_that_a_backbone_wants_are_refused_before_any_work(
    option: str, wanted: str, tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(own_words(tiny_benchmark, tmp_path / "out", f"--data.contract.{option}")) == 1
    assert f"aher extract: OwnWeights wants {wanted}; leave" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()
    module = OwnWeights()
    with pytest.raises(ContractError, match="OwnWeights wants clip_length 8 and data"):
        extract(data_module(tiny_benchmark, clip_length=16), tmp_path / "out", backbone=module)


def test_failures_end_the_command_with_one_line(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["extract", f"--config={CONFIGS / 'tiny_extract.yaml'}", f"--data.init_args.root={tiny_benchmark}"]
    assert main([*words, "--output", str(tmp_path / "out")]) == 1
    assert "give either --checkpoint FILE" in capsys.readouterr().err
    root = shutil.copytree(tiny_benchmark, tmp_path / "data")
    (root / "videos" / "un_train_00001.mp4").write_text("no video")
    contract = json.dumps(small_contract().to_dict())
    words = [*extract_words(root, checkpointed_localizer(tmp_path)[1], tmp_path / "out")]
    assert main([*words, f"--data.init_args.contract={contract}"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("aher extract: 1 of ")


def test_a_crash_and_a_hang_cost_one_video_each(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(tiny_benchmark, tmp_path / "data")
    clips = sorted(next((root / "moments").iterdir()).iterdir())
    clips[0].rename(clips[0].with_name("crash_decode.mp4"))
    clips[1].rename(clips[1].with_name("hang_decode.mp4"))
    data = RenderedDataModule(root, contract=small_contract(), reader=BrokenReader())
    _, checkpoint = checkpointed_localizer(tmp_path)
    with pytest.raises(
        VideoError, match=rf"2 of {len(data.video_folder().paths)} videos could not be used, all others"
    ):
        extract(data, tmp_path / "features", checkpoint=checkpoint, num_workers=2, time_limit_sec=4.0)
    reasons = {video.path: video.reason for video in read_unusable_videos(tmp_path / "features" / "failures.json")}
    assert reasons[str(clips[0].with_name("crash_decode.mp4"))].startswith("its decoder crashed (signal SIGSEGV)")
    assert reasons[str(clips[1].with_name("hang_decode.mp4"))].startswith("not decoded within 4 s")
    assert len(NpyFeatureStore(tmp_path / "features").video_ids) == len(data.video_folder().paths) - 2
    assert "its decoder crashed" in capsys.readouterr().out


def test_frames_are_not_kept_and_decoding_is_limited(
    tiny_benchmark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []

    class Recorded(VideoFolder):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            made.append(dict(options))
            super().__init__(*arguments, **options)

    monkeypatch.setattr(command, "VideoFolder", Recorded)
    data = data_module(tiny_benchmark)
    data.cache_frames = True
    _, checkpoint = checkpointed_localizer(tmp_path)
    extract(data, tmp_path / "features", checkpoint=checkpoint)
    extract(data, tmp_path / "features", checkpoint=checkpoint, time_limit_sec=None)
    assert [options["time_limit_sec"] for options in made] == [600.0, None]
    assert not any(options.get("cache_frames") for options in made)
