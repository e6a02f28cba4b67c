from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException

from aher_lightning import __version__
from aher_lightning.cli.command_table import _ANALYSES, COMMANDS, TRAINER_COMMANDS
from aher_lightning.cli.main import _find_configs, _find_user_error, main
from aher_lightning.cli.shipped_configs import configs_folder
from aher_lightning.errors import ConfigError, DataError
from tests.helpers.command_line import CONFIGS, TrainedRun, extract_words, trainer_words
from tests.helpers.trained import checkpointed_localizer
from tests.helpers.videos import VideoSpec, write_sound, write_truncated, write_video

Fails = Callable[..., str]


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Fails:
    """Run a command that must fail with one line, and return the line."""

    def run(*words: object, command: str | None = None) -> str:
        arguments = [str(word) for word in words]
        capsys.readouterr()
        assert main(arguments) == 1
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"aher {command or arguments[0]}: ")
        assert len(lines[0]) < 600
        return lines[0]

    return run


# Usage


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {command} " in shown for command in (*COMMANDS, *TRAINER_COMMANDS))
    assert main(["--version"]) == 0
    assert f"aher_lightning {__version__}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code"), [(["--help"], 0), (["--version"], 0), ([], 2), (["no-such-command"], 2), (["analyze", "-h"], 0)]
)
def test_what_needs_no_torch_does_not_wait_for_it(words: list[str], code: int) -> None:
    program = f"import sys; from aher_lightning.cli.main import main; assert main({words}) == {code}"
    checks = "assert not {'torch', 'pytorch_lightning', 'torchmetrics', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{program}; {checks}"], check=True, capture_output=True)


@pytest.mark.parametrize("kind", _ANALYSES)
def test_every_analysis_has_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", kind, "--help"]) == 0
    assert f"usage: aher analyze {kind}" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], [""], ["--config", "demo.yaml"]])
def test_an_analysis_has_a_kind(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "--help"]) == 0
    kinds = capsys.readouterr().out
    assert all(f"  {kind} " in kinds for kind in _ANALYSES)
    assert main(["analyze", *words]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == kinds


def test_an_unknown_kind_of_analysis_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", "level"]) == 2
    line = "aher analyze: unknown kind 'level', did you mean 'levels'? 'aher analyze --help' lists all\n"
    assert capsys.readouterr().err == line
    assert main(["analyze", "xyz"]) == 2
    assert capsys.readouterr().err == "aher analyze: unknown kind 'xyz'; 'aher analyze --help' lists all\n"


def test_no_words_show_the_overview(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert "usage: aher COMMAND" in written.err


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("localise", "aher: unknown command 'localise', did you mean 'localize'? 'aher --help' lists all"),
        ("no-such-command", "aher: unknown command 'no-such-command'; 'aher --help' lists all"),
        ("--no-such-option", "aher: unknown command '--no-such-option'; 'aher --help' lists all"),
    ],
)
def test_an_unknown_command_is_named(word: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word, "x"]) == 2
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize("words", [["fit", "--config"], ["check", "--config"]])
def test_a_configuration_that_is_none_is_wrong_usage(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = write_video(tmp_path / "a.mp4")
    assert main([*words, str(video)]) == 2
    line = f"aher {words[0]}: {video}: is not UTF-8 text; give a configuration in YAML; 'aher {words[0]} --help' lists"
    assert capsys.readouterr().err == f"{line} the options\n"


def test_an_empty_word_is_no_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["localize", "", "--checkpoint", "c.ckpt"]) == 2
    assert "a file is empty where a path is expected" in capsys.readouterr().err
    assert main(["list-categories", "--checkpoint", ""]) == 2
    assert "--checkpoint is empty where a path is expected" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code", "line"),
    [
        (signal.SIGINT, 130, "aher fit: interrupted; if it has saved a checkpoint, resume with --ckpt_path last"),
        (signal.SIGTERM, 143, "aher fit: terminated; if it has saved a checkpoint, resume with --ckpt_path last"),
    ],
)
def test_a_training_that_is_told_to_end_says_so(
    kind: signal.Signals, code: int, line: str, tiny_benchmark: Path, tmp_path: Path
) -> None:
    words = [*trainer_words("fit", tiny_benchmark, tmp_path / "out"), "--iterations=100000"]
    words += ["--checkpoint.every_n_iterations=1", "--trainer.limit_val_batches=0"]
    # What starts the tests in the background may have told them to ignore Ctrl-C.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{listening}; from aher_lightning.cli.main import console_main; console_main()"
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and not list((tmp_path / "out").rglob("last.ckpt")):
            time.sleep(0.05)
        process.send_signal(kind)
        try:
            _, written = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == code
    assert written.decode().splitlines()[-1] == line


@pytest.mark.parametrize("command", [*COMMANDS, *TRAINER_COMMANDS])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"aher {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["evaluate"],
        ["evaluate", "--no-such-option", "1"],
        ["localize", "--checkpoint", "c.ckpt"],
        ["analyze", "label-fractions", "--ahernet", "m.json"],
        ["render", "--output", "x", "--videos", "many"],
        ["fit", "--config", "no_such.yaml"],
        ["fit", "--config", "tiny", "--model.class_path", "NoSuchModule"],
        ["fit", "--config", "tiny", "--trainer.no_such_option", "1"],
    ],
    ids=" ".join,
)
def test_wrong_options_are_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(CONFIGS / "tiny.yaml") if word == "tiny" else word for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"aher {words[0]}: ")
    assert "; 'aher " in line
    assert " lists " in line
    assert len(line) < 200


def test_shipped_configurations_are_found_by_name() -> None:
    shipped = str(configs_folder() / "demo.yaml")
    assert _find_configs(["fit", "--config", "demo.yaml"]) == ["fit", "--config", shipped]
    assert _find_configs(["fit", "--config=demo.yaml", "-c", "demo"])[1:] == [f"--config={shipped}", "-c", shipped]
    assert _find_configs(["fit", "-c=demo.yaml", "--config"])[1:] == [f"-c={shipped}", "--config"]
    assert _find_configs(["fit", "-c", "--print_config"]) == ["fit", "-c", "--print_config"]
    assert _find_configs(["demo.yaml", "--output", "demo.yaml"]) == ["demo.yaml", "--output", "demo.yaml"]


@pytest.mark.parametrize("command", ["fit", "check"])
def test_a_configuration_may_be_given_in_short(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    more = [] if command == "fit" else ["--output=x.json"]
    for words in (["-c", "demo"], ["-c=demo.yaml"], ["--config=demo"]):
        assert main([command, *words, *more, "--print_config"]) == 0
        assert "class_path: aher_lightning.datamodules.RenderedDataModule" in capsys.readouterr().out
    assert main([command, "-c=dmo", *more]) == 2
    assert "did you mean 'demo.yaml'; 'aher configs' lists the shipped ones" in capsys.readouterr().err


def test_an_interruption_is_no_failure_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("aher_lightning.cli.main._run_command", interrupt)
    assert main(["render"]) == 130
    assert capsys.readouterr().err == "aher render: interrupted\n"


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("aher_lightning.cli.main._run_command", fail)
    with pytest.raises(ZeroDivisionError):
        main(["render"])


def test_markup_in_a_message_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch, fails: Fails) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("[bold]a[0].mp4 is [/] wrong")

    monkeypatch.setattr("aher_lightning.cli.main._run_command", fail)
    assert fails("render") == "aher render: [bold]a[0].mp4 is [/] wrong"


# Checkpoints


def text_file(path: Path) -> Path:
    path.write_text("this is no checkpoint\nat all\n")
    return path


def test_bad_checkpoints_fail_with_one_line(tmp_path: Path, tiny_benchmark: Path, fails: Fails) -> None:
    video, output = write_video(tmp_path / "a.mp4"), tmp_path / "out"
    foreign = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}}, foreign)
    for checkpoint, message in (
        (tmp_path / "none.ckpt", "no such checkpoint"),
        (text_file(tmp_path / "text.ckpt"), "not a readable checkpoint"),
        (foreign, "not a checkpoint of this package"),
        (tmp_path, "has no config.json, so it is no exported model"),
    ):
        assert message in fails("localize", video, "--checkpoint", checkpoint, "--output", output)
        assert message in fails(*extract_words(tiny_benchmark, checkpoint, output))
        words = trainer_words("test", tiny_benchmark, output)
        assert message in fails(*words, f"--ckpt_path={checkpoint}")
        words = trainer_words("fit", tiny_benchmark, output)
        assert message in fails(*words, f'--model.init_args.initial_weights=["{checkpoint}"]')
    assert not output.exists()


@pytest.mark.slow
def test_checkpoints_of_something_else_fail_with_one_line(
    trained_run: TrainedRun, tmp_path: Path, fails: Fails
) -> None:
    words = [*trainer_words("test", trained_run.data, tmp_path / "out"), trained_run.cached]
    stage0 = trained_run.folder / "stage0" / "last.ckpt"
    wider = "--model.init_args.network.init_args.pyramid.init_args.stem_channels=[16, 12]"
    assert "architecture" in fails(*words, f"--ckpt_path={trained_run.checkpoint}", wider)
    start = f'--model.init_args.initial_weights=["{stage0}"]'
    words[0] = "fit"
    assert "'network' has another architecture" in fails(*words, start, wider)
    untrained = "weights_sha256: the features were extracted by other backbone weights"
    assert untrained in fails(*words)
    line = fails(*words, start, "--data.init_args.contract.fps=20")
    assert (
        "fps is 20.0 in data.contract and 10.0 in data.features; add --data.contract.fps=10.0, or give other features"
        in line
    )
    assert not (tmp_path / "out" / "last.ckpt").exists()


# Videos


def test_bad_videos_fail_with_one_line(tmp_path: Path, fails: Fails) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video\nat all\n")
    write_truncated(tmp_path / "cut.mp4")
    write_sound(tmp_path / "sound.mp4")
    (tmp_path / "folder.mp4").mkdir()
    for name in ("missing.mp4", "empty.mp4", "text.mp4", "cut.mp4", "sound.mp4", "folder.mp4"):
        line = fails("localize", tmp_path / name, "--checkpoint", checkpoint, "--output", tmp_path / "out")
        assert name in line
    assert not (tmp_path / "out").exists()


def test_good_videos_are_localized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, checkpoint = checkpointed_localizer(tmp_path)
    videos = [str(write_video(tmp_path / name, VideoSpec(num_frames=40))) for name in ("a b.mp4", "[c].mp4")]
    assert main(["localize", *videos, "--checkpoint", str(checkpoint), "--output", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        ".localize.json",
        ".localize.jsonl",
        "a b.json",
        "[c].json",
    }
    assert all(json.loads((tmp_path / "out" / name).read_text())["results"] for name in ("a b.json", "[c].json"))
    assert "[c].mp4" in capsys.readouterr().out


def test_a_broken_video_of_a_data_set_fails_with_one_line(tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    data = Path(shutil.copytree(tiny_benchmark, tmp_path / "data"))
    for path in (data / "videos").glob("un_train*.mp4"):
        path.write_text("no video")
    line = fails(*trainer_words("fit", data, tmp_path / "out"))
    assert "un_train_0000" in line
    assert not (tmp_path / "out" / "last.ckpt").exists()


# Annotations


def broken_annotations(name: str, content: dict[str, Any]) -> object:
    """Return the content of an annotation file with one thing wrong."""
    database = content["database"]
    first = next(iter(database))
    annotation = database[first]["annotations"][0]
    if name == "not an object":
        return [1, 2]
    if name == "end before start":
        annotation["segment"] = [3.0, 2.0]
    elif name == "text for a number":
        annotation["segment"] = ["one", 2.0]
    elif name == "not finite":
        annotation["segment"] = [0.0, float("nan")]
    elif name == "unsafe id":
        database["../../escaped"] = database.pop(first)
    elif name == "unknown label":
        annotation["label"] = "yawning"
    elif name == "no database":
        del content["database"]
    return content


BROKEN = {
    "not an object": "holds a JSON array where an object",
    "no database": '"database" is missing',
    "end before start": "segment end 2.0 is not after its start 3.0",
    "text for a number": "segment start must be a number",
    "not finite": "segment end must be finite",
    "unsafe id": "is no plain file name",
    "unknown label": "label 'yawning' is not among",
}


@pytest.mark.parametrize("name", BROKEN)
def test_bad_annotations_fail_with_one_line(name: str, tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    data = Path(shutil.copytree(tiny_benchmark, tmp_path / "data"))
    path = data / "annotations.json"
    path.write_text(json.dumps(broken_annotations(name, json.loads(path.read_text()))))
    predictions = tmp_path / "predictions.json"
    predictions.write_text('{"results": {}}')
    line = fails(*trainer_words("fit", data, tmp_path / "out"))
    assert BROKEN[name] in line
    assert "annotations.json" in line
    if name != "unknown label":  # evaluation knows no split unless told
        words = ["evaluate", "--ground-truth", path, "--predictions", predictions, "--output", tmp_path / "out.json"]
        assert BROKEN[name] in fails(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "predictions.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("{", "is not valid JSON"),
        ("[]", "holds a JSON array"),
        ('{"results": []}', '"results" is a JSON array'),
        ('{"results": {"../x": []}}', "not a plain file name"),
        ('{"results": {"v": [{"label": "a", "score": 1}]}}', "prediction 0"),
    ],
)
def test_bad_predictions_fail_with_one_line(
    content: str, message: str, tiny_benchmark: Path, tmp_path: Path, fails: Fails
) -> None:
    predictions = tmp_path / "p.json"
    predictions.write_text(content)
    words = ["evaluate", "--ground-truth", tiny_benchmark / "annotations.json", "--predictions", predictions]
    assert message in fails(*words, "--output", tmp_path / "report.json")
    assert not (tmp_path / "report.json").exists()


# Configurations


def test_training_needs_a_number_of_iterations(tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    words = trainer_words("fit", tiny_benchmark, tmp_path / "out")
    assert "add 'iterations: 1000' to the configuration" in fails(*words, "--iterations=null")
    assert "'iterations' is -4, and training takes at least 1" in fails(*words, "--iterations=-4")
    for precision in ("bf16-true", "16-true"):
        line = fails(*words, f"--trainer.precision={precision}")
        assert f"precision '{precision}' keeps weights and losses in half precision" in line
    line = fails(*words, "--trainer.val_check_interval=5")
    assert "'trainer.val_check_interval' is 5, but there are only 2 iterations: lower it" in line
    assert "'batch_size', 'eval_batch_size' and 'max_snippets' must be" in fails(*words, "--data.batch_size=0")
    assert not (tmp_path / "out" / "last.ckpt").exists()


def test_missing_data_fails_with_one_line(tmp_path: Path, fails: Fails) -> None:
    line = fails(*trainer_words("fit", tmp_path / "nowhere", tmp_path / "out"))
    assert "no rendered benchmark; write one with 'aher render" in line
    small = ["--model.init_args.backbone=P3DSmall", "--trainer.strategy=auto", "--trainer.devices=1"]
    small += [f"--trainer.default_root_dir={tmp_path / 'out'}", "--trainer.logger=false"]
    line = fails("fit", "--config", "anet_un_am.yaml", "--data.root", tmp_path, *small)
    assert "activity_net.v1-3.json: no such file" in line


def test_an_unwritable_place_fails_with_one_line(tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    (tmp_path / "file").touch()
    line = fails(*trainer_words("fit", tiny_benchmark, tmp_path / "file" / "below"))
    assert str(tmp_path / "file") in line
    assert "choose another place" in line


def test_a_module_that_trains_nothing_says_so(tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    module = ["--model.class_path=ProposalClassifierModule", "--model.init_args.initial_weights=[]"]
    words = [word for word in trainer_words("fit", tiny_benchmark, tmp_path / "out") if "tiny.yaml" not in word]
    data = ["--data=RenderedDataModule", "--data.contract.fps=10", f"--data.root={tiny_benchmark}"]
    words = [word for word in words if not word.startswith("--data")]
    options = ["--model.init_args.backbone=P3DSmall", "--iterations=1", "--trainer.accelerator=cpu"]
    options.append("--trainer.logger=false")
    fails(*words, *module, *data, *options)
    assert not (tmp_path / "out" / "last.ckpt").exists()


def test_resampling_out_of_range_fails_with_one_line(tiny_benchmark: Path, tmp_path: Path, fails: Fails) -> None:
    words = trainer_words("fit", tiny_benchmark, tmp_path)
    line = fails(*words, "--model.resampling.sample_places=[0,2]", "--model.resampling.padding=zeros")
    assert line.endswith("sample_places must be fractions of a step, got (0.0, 2.0); give 0 to 1")


def test_rendering_options_out_of_range_fail_with_one_line(tmp_path: Path, fails: Fails) -> None:
    assert "seed is -1: choose a value" in fails("render", "--output", tmp_path / "x", "--seed", "-1")
    (tmp_path / "file").touch()
    assert "choose another --output" in fails("render", "--output", tmp_path / "file")
    assert not (tmp_path / "x").exists()


# Failures


def chained(outer: Exception, inner: Exception, *, is_cause: bool, is_suppressed: bool = False) -> Exception:
    """Return an error as if raised while another one was handled, explicitly from it or not."""
    outer.__context__, outer.__cause__ = inner, inner if is_cause else None
    outer.__suppress_context__ = is_cause or is_suppressed
    return outer


def test_the_cause_of_an_error_is_told_and_not_what_was_merely_being_handled() -> None:
    ours = DataError("a.npy: is broken; mend it")
    assert _find_user_error(ours) is ours
    assert _find_user_error(chained(ValueError("wrapped"), ours, is_cause=True)) is ours
    wrapped = chained(ValueError(), ours, is_cause=True)
    assert _find_user_error(chained(RuntimeError("again"), wrapped, is_cause=True)) is ours
    for mistake in (TypeError("in a fallback"), MemoryError(), RuntimeError("in a worker")):
        for is_suppressed in (False, True):
            assert _find_user_error(chained(mistake, ours, is_cause=False, is_suppressed=is_suppressed)) is None


def test_the_file_system_and_lightning_are_told_too() -> None:
    assert "a.txt: No such file" in str(_find_user_error(FileNotFoundError(2, "No such file", "a.txt")))
    assert "Lightning says so" in str(_find_user_error(MisconfigurationException("no such\n accelerator.")))


def test_a_failure_shows_its_traceback_when_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["list-categories", "--checkpoint", str(tmp_path / "none.ckpt")]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    for place in range(len(words) + 1):
        assert main([*words[:place], "--debug", *words[place:]]) == 1
        shown = capsys.readouterr().err
        assert shown.count("Traceback (most recent call last)") == 1
        assert shown.splitlines()[-1] == line
    assert main(words) == 1
    assert capsys.readouterr().err.splitlines() == [line]


def test_a_mistake_of_ours_in_one_video_costs_that_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(video: Path, *_: object, **__: object) -> None:
        if video.stem in failures:
            raise failures[video.stem]

    failures = {"a": ZeroDivisionError("by\nzero"), "b": MemoryError(), "d": DataError("no such\nthing")}
    monkeypatch.setattr("aher_lightning.cli.commands.localize.cut_clips", fail)
    _, checkpoint = checkpointed_localizer(tmp_path)
    videos = [write_video(tmp_path / f"{name}.mp4", VideoSpec(num_frames=20)) for name in "abcd"]
    words = ["localize", *map(str, videos), f"--checkpoint={checkpoint}", f"--output={tmp_path / 'out'}", "--show=0"]
    words += [f"--clips={tmp_path / 'clips'}", "--time-limit-sec=null"]
    assert main(words) == 1
    lines = [
        f"{videos[0]}: ZeroDivisionError: by zero; --debug shows the traceback",
        f"{videos[1]}: MemoryError; --debug shows the traceback",
        f"aher localize: {videos[3]}: no such thing",
    ]
    assert capsys.readouterr().err.splitlines() == lines
    assert {path.name for path in (tmp_path / "out").glob("*.json")} == {".localize.json", "c.json"}
    (tmp_path / "file").touch()  # what fails after the videos takes nothing of what they had to tell
    assert main([*words, f"--fiftyone={tmp_path / 'file'}"]) == 1
    *first, last = capsys.readouterr().err.splitlines()
    assert first == [line.removeprefix("aher localize: ") for line in lines]
    assert last.startswith(f"aher localize: {tmp_path / 'file'}")
    assert main([*words, "--debug"]) == 1
    shown = capsys.readouterr().err
    assert [line for line in shown.splitlines() if line in lines] == lines
    assert [shown.count(f"{video} failed:\nTraceback") for video in videos] == [1, 1, 0, 1]
