from __future__ import annotations

import json
import os
import shutil
import signal
import time
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from aher_lightning.cli.commands.check import check
from aher_lightning.cli.main import main
from aher_lightning.datamodules.rendered import RenderedDataModule
from aher_lightning.errors import ConfigError, DataError
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import VideoReader
from tests.helpers.broken_readers import BrokenAutoReader, BrokenReader
from tests.helpers.command_line import CONFIGS, trainer_words
from tests.helpers.training import small_contract
from tests.helpers.videos import write_corrupt, write_truncated


class LocalReader(PyAVReader):
    """A reader that no other process can get."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


@pytest.fixture
def root(tiny_benchmark: Path, tmp_path: Path) -> Path:
    """A copy of the tiny benchmark that a test may break."""
    return shutil.copytree(tiny_benchmark, tmp_path / "data")


def data_module(root: Path, reader: VideoReader | None = None) -> RenderedDataModule:
    return RenderedDataModule(root, contract=small_contract(), reader=reader)


def read(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    assert isinstance(content, dict)
    return content


def reasons(path: Path) -> dict[str, str]:
    """Reason of each unusable video."""
    return {video["video"]: video["reason"] for video in read(path)["unusable"]}


def test_sound_data_is_reported_as_usable(
    tiny_benchmark: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = data_module(tiny_benchmark)
    report = read(check(data, tmp_path / "check.json", num_workers=2, decode=True))
    total = len(data.video_paths())
    assert report == {
        "version": 1,
        "videos": total,
        "usable": total,
        "missing": [],
        "unusable": [],
        "duration_differs": [],
        "unmatched": {},
        "clips": [{"category": name, "clips": 2, "usable": 2} for name in data.moment_categories],
    }
    printed = capsys.readouterr().out
    assert f"Checking: {total}/{total} videos" in printed
    assert f"{total} videos\n" in printed
    assert "moments per category\n" in printed


def test_broken_videos_are_told_with_the_reason(root: Path, tmp_path: Path) -> None:
    clip = min((root / "moments").rglob("*.mp4"))
    for name in ("crash_probe", "crash_decode", "bug_probe"):
        shutil.copy(clip, clip.with_name(f"{name}.mp4"))
    write_truncated(root / "videos" / "un_train_00000.mp4")
    write_corrupt(root / "videos" / "am_val_00000.mp4")
    data = data_module(root, BrokenReader())
    total, category = len(data.video_paths()), clip.parent.name

    with pytest.raises(DataError, match=rf"^3 of {total} videos are unusable, see .*probed\.json$"):
        check(data, tmp_path / "probed.json", num_workers=2)
    probed = reasons(tmp_path / "probed.json")
    assert list(probed) == [f"{category}--bug_probe", f"{category}--crash_probe", "un_train_00000"]
    assert probed[f"{category}--bug_probe"] == "ValueError: a bug of the reader"
    assert probed[f"{category}--crash_probe"].startswith("its decoder crashed (signal SIGSEGV); convert")
    assert probed["un_train_00000"].startswith("is truncated, it holds")

    with pytest.raises(DataError, match=rf"^5 of {total} videos are unusable"):
        check(data, tmp_path / "decoded.json", num_workers=2, decode=True)
    decoded = reasons(tmp_path / "decoded.json")
    assert decoded.keys() - probed.keys() == {"am_val_00000", f"{category}--crash_decode"}
    assert decoded["am_val_00000"].startswith("is damaged")


def test_a_video_on_which_decord_crashes_is_usable_by_pyav(root: Path, tmp_path: Path) -> None:
    clip = min((root / "moments").rglob("*.mp4"))
    shutil.copy(clip, clip.with_name("crash.mp4"))
    data = data_module(root, BrokenAutoReader())
    report = json.loads(check(data, tmp_path / "check.json", num_workers=2, decode=True).read_text())
    assert report["unusable"] == []
    assert report["usable"] == len(data.video_paths())


def test_clips_are_counted_by_category_and_others_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = data_module(root).moment_categories
    for clip in (root / "moments" / second).iterdir():
        clip.unlink()
    shutil.copy(min((root / "moments" / first).iterdir()), root / "moments" / "loose.mp4")
    write_truncated(min((root / "moments" / first).iterdir()))
    with pytest.raises(DataError, match=r"^1 of "):
        check(data_module(root), tmp_path / "check.json")
    report = read(tmp_path / "check.json")
    assert report["clips"] == [
        {"category": first, "clips": 2, "usable": 1},
        {"category": second, "clips": 0, "usable": 0},
    ]
    assert report["unmatched"] == {"moments, in no folder of a category": [str(root / "moments" / "loose.mp4")]}
    printed = capsys.readouterr().out
    assert "left out: moments, in no" in printed
    assert [line.split() for line in printed.splitlines()[-2:]] == [[second, "0", "0"], [first, "2", "1"]]


def test_videos_are_checked_where_clips_cannot_be_counted(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise DataError("no list of clips")

    data = data_module(root)
    monkeypatch.setattr(RenderedDataModule, "moment_clips", fail)
    assert read(check(data, tmp_path / "check.json"))["clips"] == []
    assert "clips per category are not counted: no list of clips" in caplog.messages


def test_a_hang_ends_with_the_limit(root: Path, tmp_path: Path) -> None:
    clip = min((root / "moments").rglob("*.mp4"))
    shutil.copy(clip, clip.with_name("hang_decode.mp4"))
    with pytest.raises(DataError, match=r"^1 of "):
        check(
            data_module(root, BrokenReader()), tmp_path / "check.json", num_workers=2, time_limit_sec=3.0, decode=True
        )
    (video,) = read(tmp_path / "check.json")["unusable"]
    assert video["path"].endswith("hang_decode.mp4")
    assert video["reason"].startswith("not decoded within 3 s; raise 'time_limit_sec'")


def test_missing_files_and_other_durations_are_no_failure(root: Path, tmp_path: Path) -> None:
    (root / "videos" / "un_train_00001.mp4").unlink()
    annotations = json.loads((root / "annotations.json").read_text())
    database = annotations["database"]
    file_sec = {name: video["duration"] for name, video in database.items()}
    database["un_train_00000"]["duration"] = file_sec["un_train_00000"] + 0.6
    database["am_val_00000"]["duration"] = file_sec["am_val_00000"] + 0.4
    (root / "annotations.json").write_text(json.dumps(annotations))
    report = read(check(data_module(root), tmp_path / "check.json"))
    assert report["missing"] == ["un_train_00001"]
    assert report["unusable"] == []
    (differs,) = report["duration_differs"]
    assert differs["video"] == "un_train_00000"
    assert differs["annotated_sec"] - differs["file_sec"] == pytest.approx(0.6, abs=0.11)
    assert report["usable"] == report["videos"] - 1


def test_two_files_of_one_name_are_refused(root: Path, tmp_path: Path) -> None:
    shutil.copy(root / "videos" / "am_val_00000.mp4", root / "videos" / "am_val_00000.mkv")
    with pytest.raises(DataError, match=r"^1 of "):
        check(data_module(root), tmp_path / "check.json")
    (video,) = read(tmp_path / "check.json")["unusable"]
    assert video["video"] == "am_val_00000"
    assert video["reason"] == "same name as another file, am_val_00000.mkv; rename or remove one of them"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": 0}, "'num_workers' is 0: choose 1 or more, or leave it out"),
        ({"time_limit_sec": 0.0}, r"'time_limit_sec' is 0\.0, but must be above 0"),
        ({"time_limit_sec": float("nan")}, "'time_limit_sec' is nan"),
    ],
)
def test_wrong_numbers_are_refused(tiny_benchmark: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(data_module(tiny_benchmark), tmp_path / "check.json", **options)


def test_a_folder_is_no_place_for_the_report(tiny_benchmark: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder; name a file to write"):
        check(data_module(tiny_benchmark), tmp_path)


def test_a_reader_that_cannot_leave_the_process_is_told_once(tiny_benchmark: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="use readers that can be pickled"):
        check(data_module(tiny_benchmark, LocalReader()), tmp_path / "check.json")
    assert not (tmp_path / "check.json").exists()


def words(root: Path, output: Path, *more: object) -> list[str]:
    config = CONFIGS / "tiny_extract.yaml"
    return ["check", "--config", str(config), "--data.root", str(root), "--output", str(output), *map(str, more)]


def test_the_command_fails_with_one_line(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "check.json"
    assert main(words(root, output, "--num-workers", 2, "--time-limit-sec", 60)) == 0
    write_truncated(root / "videos" / "un_train_00000.mp4")
    capfd.readouterr()
    assert main(words(root, output, "--decode")) == 1
    total = read(output)["videos"]
    assert capfd.readouterr().err == f"aher check: 1 of {total} videos are unusable, see {output}\n"


def test_configurations_of_other_commands_do(tiny_benchmark: Path, tmp_path: Path) -> None:
    config = tmp_path / "extract.yaml"
    config.write_text((CONFIGS / "tiny_extract.yaml").read_text() + "checkpoint: some.ckpt\ntrainer: {devices: 2}\n")
    output = tmp_path / "check.json"
    assert main(["check", "--config", str(config), "--data.root", str(tiny_benchmark), f"--output={output}"]) == 0
    assert output.is_file()
    assert main(["check", "--config", str(config), "--chekpoint=a"]) == 2


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are counted in /proc")
def test_an_interruption_leaves_no_children_and_no_report(root: Path, tmp_path: Path) -> None:
    clip = min((root / "moments").rglob("*.mp4"))
    for number in range(4):
        shutil.copy(clip, clip.with_name(f"hang_decode_{number}.mp4"))
    before, started = children_of(os.getpid()), set[int]()

    def interrupt_when_busy() -> None:
        while len(started) < 2:
            time.sleep(0.02)
            started.update(children_of(os.getpid()) - before)
        os.kill(os.getpid(), signal.SIGINT)

    # A shell has its background jobs ignore Ctrl-C, and what they start inherits that.
    before_test = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupter = Thread(target=interrupt_when_busy)
    interrupter.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            check(data_module(root, BrokenReader()), tmp_path / "check.json", num_workers=2, decode=True)
    finally:
        signal.signal(signal.SIGINT, before_test)
    interrupter.join()
    assert children_of(os.getpid()) == before
    assert not [child for child in started if Path(f"/proc/{child}").exists()]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def children_of(process_id: int) -> set[int]:
    """Ids of the processes that a process has started."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")")[1].split()[1])
        except OSError:  # it has just ended
            continue
        if parent == process_id:
            found.add(int(status.parent.name))
    return found


def test_the_configuration_that_a_run_has_saved_can_be_checked(tiny_benchmark: Path, tmp_path: Path) -> None:
    logger = {
        "class_path": "pytorch_lightning.loggers.CSVLogger",
        "init_args": {"save_dir": str(tmp_path), "name": "x"},
    }
    words = trainer_words("fit", tiny_benchmark, tmp_path, "tiny_recognition")
    assert main([*words, f"--trainer.logger={json.dumps(logger)}", "--trainer.limit_val_batches=0"]) == 0
    (saved,) = tmp_path.rglob("config.yaml")
    assert main(["check", f"--config={saved}", f"--output={tmp_path / 'check.json'}"]) == 0
    assert read(tmp_path / "check.json")["unusable"] == []
