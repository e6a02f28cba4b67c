"""What ``aher evaluate`` does with its options, and with files that have mistakes, as a user sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.cli.main import main
from aher_lightning.errors import ConfigError

VIDEOS = {
    "a": [("wave", 10, 20), ("jump", 30, 40)],
    "b": [("jump", 50, 60)],
    "c": [("wave", 5, 15)],
}


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    database = {
        name: {
            "subset": "validation",
            "duration": 100.0,
            "annotations": [{"label": label, "segment": [start, end]} for label, start, end in spans],
        }
        for name, spans in VIDEOS.items()
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"database": database}))
    return path


def row(label: str = "wave", score: float = 0.9, start: float = 10, end: float = 20) -> dict[str, object]:
    return {"label": label, "score": score, "segment": [start, end]}


def write(path: Path, results: object) -> Path:
    path.write_text(json.dumps({"results": results}))
    return path


@pytest.fixture
def perfect(tmp_path: Path) -> Path:
    return write(
        tmp_path / "perfect.json",
        {name: [row(label, 0.9, start, end) for label, start, end in spans] for name, spans in VIDEOS.items()},
    )


def report_of(truth: Path, words: list[str | Path]) -> dict[str, Any]:
    """The report that a command line writes."""
    output = truth.with_name("report.json")
    assert main(["evaluate", "--ground-truth", str(truth), *map(str, words), "--output", str(output)]) == 0
    report: dict[str, Any] = json.loads(output.read_text())
    return report


ROW = json.dumps(row())

MISTAKES = {
    "not a number": (f'[{ROW}, {{"label": "wave", "score": NaN, "segment": [1, 2]}}]', "score is not finite"),
    "infinite": (f'[{ROW}, {{"label": "wave", "score": Infinity, "segment": [1, 2]}}]', "score is not finite"),
    "infinite time": (f'[{ROW}, {{"label": "wave", "score": 1, "segment": [1, 1e999]}}]', "segment is not finite"),
    "reversed": (f'[{ROW}, {{"label": "wave", "score": 1, "segment": [2, 1]}}]', "segment ends before it starts"),
    "text for a score": (f'[{ROW}, {{"label": "wave", "score": "1", "segment": [1, 2]}}]', "score is not a number"),
    "text for times": (f'[{ROW}, {{"label": "wave", "score": 1, "segment": ["1", 2]}}]', "segment is not [start, end]"),
    "unknown label": (f'[{ROW}, {{"label": "wavee", "score": 1, "segment": [1, 2]}}]', "unknown label"),
    "repeated key": (f'[{ROW}, {{"label": "wave", "score": 1, "score": 2, "segment": [1, 2]}}]', "a key occurs twice"),
    "no object": (f"[{ROW}, 3]", "row is not an object"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_with_video_and_row(
    name: str, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries, _ = MISTAKES[name]
    path = tmp_path / "found.json"
    path.write_text(f'{{"results": {{"c": [], "a": {entries}}}}}')
    output = tmp_path / "report.json"
    words = ["evaluate", "--ground-truth", str(truth), "--predictions", str(path), "--output", str(output)]
    assert main(words) == 1
    written = capsys.readouterr()
    (line,) = written.err.splitlines()
    assert line.startswith(f"aher evaluate: {path}: video 'a': prediction 1: ")
    assert "fix the file or give --skip-invalid" in line
    assert written.out == ""
    assert not output.exists()


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_left_out_and_counted(
    name: str, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries, reason = MISTAKES[name]
    path = tmp_path / "found.json"
    path.write_text(f'{{"results": {{"a": {entries}}}}}')
    report = report_of(truth, ["--predictions", path, "--skip-invalid"])
    assert report["skipped"] == {reason: 1}
    assert report["predictions"] == 1
    assert report["mAP"]["average"] == 0.25
    assert f"1 row skipped: {reason} (1)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{{"results": {{"a": [{ROW}], "b": [{ROW}, {{"label": "wa', "video 'b': prediction 1: is not valid JSON"),
        (f"[{ROW}]", "holds a JSON array where an object {...} is expected"),
        ('{"results": []}', '"results" is a JSON array; expected {"results": {...}}'),
        ('{"predictions": {}}', '"results" is missing'),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_left_out_is_refused(
    text: str, message: str, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    path.write_text(text)
    words = ["evaluate", "--ground-truth", str(truth), "--predictions", str(path), "--skip-invalid"]
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"aher evaluate: {path}: ")
    assert message in line


def test_a_repeated_video_counts_once(truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "found.json"
    path.write_text(f'{{"results": {{"a": [{ROW}], "a": [{ROW}, {ROW}]}}}}')
    assert main(["evaluate", "--ground-truth", str(truth), "--predictions", str(path)]) == 1
    assert "video 'a': video id occurs twice" in capsys.readouterr().err
    report = report_of(truth, ["--predictions", path, "--skip-invalid"])
    assert (report["predictions"], report["skipped"]) == (1, {"video id occurs twice": 2})


def test_a_prediction_of_no_length_is_a_false_positive(truth: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "found.json", {"a": [row(score=0.95, start=12, end=12), row(score=0.9)]})
    assert report_of(truth, ["--predictions", path])["per_class_AP"]["wave"]["average"] == pytest.approx(0.25)


def test_excluded_videos_are_left_out_of_both_files(
    truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "excluded.txt").write_text("b\nelsewhere\n")
    plain = report_of(truth, ["--predictions", perfect])
    excluded = report_of(truth, ["--predictions", perfect, "--exclude-videos", tmp_path / "excluded.txt"])
    assert (excluded["videos"], excluded["instances"], excluded["predictions"]) == (2, 3, 3)
    assert (excluded["unknown_videos"], excluded["protocol"]["blocked_videos"]) == (0, 1)
    assert excluded["mAP"]["average"] == plain["mAP"]["average"] == 1.0
    assert excluded["protocol"]["fingerprint"] != plain["protocol"]["fingerprint"]
    assert "1 video is excluded and not scored" in capsys.readouterr().out


def test_only_the_videos_of_a_list_are_scored(truth: Path, perfect: Path, tmp_path: Path) -> None:
    (tmp_path / "only.csv").write_text("video,seconds\nv_a,10\nv_elsewhere,20\n")
    report = report_of(truth, ["--predictions", perfect, "--include-videos", tmp_path / "only.csv"])
    assert (report["videos"], report["unknown_videos"], report["protocol"]["blocked_videos"]) == (1, 0, 2)
    assert report["mAP"]["average"] == 1.0


def test_a_excluded_list_of_other_ids_is_refused(
    truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "excluded.txt").write_text("v_a\nv_b\n")
    words = ["--predictions", str(perfect), "--exclude-videos", str(tmp_path / "excluded.txt")]
    assert main(["evaluate", "--ground-truth", str(truth), *words]) == 1
    expected = "none of the 2 excluded videos is annotated: annotated ids look like 'a', listed ids like 'v_a'"
    assert expected in capsys.readouterr().err


def test_the_protocol_says_which_categories_count(
    truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split, names = tmp_path / "split.json", tmp_path / "names.json"
    split.write_text(json.dumps({"untrimmed": ["wave"], "moment": ["jump", "wavee"]}))
    names.write_text('["jump"]')
    both = report_of(truth, ["--predictions", perfect, "--categories", split])
    assert "1 requested category is not in the ground truth: wavee" in capsys.readouterr().out
    assert both["unknown_categories"] == ["wavee"]
    assert both["protocol"]["name"] == "activitynet (categories: untrimmed, moment)"
    one = report_of(truth, ["--predictions", perfect, "--categories", split, "--group", "moment"])
    assert one["protocol"]["name"] == "activitynet (categories: moment)"
    listed = report_of(truth, ["--predictions", perfect, "--categories", names])
    assert listed["protocol"]["name"] == "activitynet (categories: a list)"
    # The same instances, yet proposals of other categories are left out in the second: the names differ.
    assert one["protocol"]["fingerprint"] == both["groups"]["moment"]["fingerprint"]
    assert listed["unknown_categories"] == []


def test_lists_are_written_as_words(truth: Path, perfect: Path) -> None:
    report = report_of(truth, ["--predictions", perfect, "--tiou", "0.5", "0.75"])
    assert list(report["mAP"]) == ["0.50", "0.75", "average"]
    assert report["protocol"]["name"] == "activitynet (tIoU 0.50, 0.75)"
    assert report_of(truth, ["--predictions", perfect, "--tiou", "[0.5, 0.75]"]) == report


def test_the_protocol_of_thumos14(truth: Path, perfect: Path) -> None:
    words: list[str | Path] = [
        "--predictions",
        perfect,
        "--protocol",
        "thumos14",
        "--subset",
        "validation",
        "--proposals",
    ]
    report = report_of(truth, [*words, "--class-agnostic"])
    assert list(report["mAP"]) == ["0.30", "0.40", "0.50", "0.60", "0.70", "average"]
    assert report["protocol"]["recall_thresholds"][-1] == 1.0
    assert report["protocol"]["name"] == "thumos14 (class-agnostic)"
    assert "1000" in report["AR@AN"]
    assert list(report["per_class_AP"]) == ["any category"]


def test_a_diagnosis_as_table_json_and_page(
    truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "split.json").write_text(json.dumps({"untrimmed": ["wave"], "moment": ["jump"]}))
    page = tmp_path / "page.html"
    words: list[str | Path] = [
        "--predictions",
        perfect,
        "--categories",
        tmp_path / "split.json",
        "--diagnose",
        "--page",
        page,
    ]
    report = report_of(truth, [*words, "--buckets", "quantiles"])
    assert report["diagnosis"]["missed"] == 0.0
    assert report["groups"]["moment"]["diagnosis"]["errors"][0]["true_positive"] == 2
    assert len(report["diagnosis"]["sensitivity"]["length"]) == 1
    shown = capsys.readouterr().out
    for title in ("Best predictions at tIoU 0.50", "Average mAP gained", "Normalized mAP", "Instances missed"):
        assert title in shown
    text = page.read_text(encoding="utf-8")
    assert "perfect.json" in text
    assert report["protocol"]["fingerprint"] in text


def test_two_files_are_compared(truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = write(tmp_path / "poor.json", {name: [row("wave", 0.9, 70, 80)] for name in VIDEOS})
    report = report_of(truth, ["--compare", perfect, poor, "--resamples", "50", "--proposals"])
    assert list(report) == ["comparison"]
    scores = report["comparison"]["scores"]["mAP"]
    assert (scores["first"], scores["second"], scores["low"]) == (1.0, 0.0, 1.0)
    shown = capsys.readouterr().out
    assert "Drawing videos anew: 100/100 draws" in shown
    assert "average mAP  100.00    0.00     +100.00" in shown
    assert "better" in shown
    again = report_of(truth, ["--compare", perfect, poor, "--resamples", "50", "--proposals", "--seed", "0"])
    assert again == report


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either one prediction file with predictions, or two with compare"),
        (["--predictions", "P", "--compare", "P", "P"], "give either one prediction file"),
        (["--compare", "P"], "compare needs two prediction files, but has 1"),
        (["--compare", "P", "P", "--diagnose"], "a comparison has neither page nor diagnosis nor oracle"),
        (["--compare", "P", "P", "--resamples", "39"], "an interval of 95 % needs 40 resamples or more; got 39"),
        (["--predictions", "P", "--buckets", "quantiles"], "buckets belong to a diagnosis"),
        (["--compare", "P", "P", "--seed", "-1"], "the seed of resampling must be 0 or more; got -1"),
        (["--predictions", "P", "--exclude-videos", "missing.txt"], "missing.txt: no such file"),
        (["--predictions", "P", "--protocol", "thumos14"], "no video is in the subset 'test'"),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    words: list[str], message: str, truth: Path, perfect: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled = [str(perfect) if word == "P" else word for word in words]
    assert main(["evaluate", "--ground-truth", str(truth), *filled]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize("option", ["--output", "--page"])
@pytest.mark.parametrize("name", ["truth.json", "perfect.json", "split.json", "excluded.txt", "other.json"])
def test_nothing_that_is_read_or_written_is_overwritten(
    option: str, name: str, truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "split.json").write_text('["wave"]')
    (tmp_path / "excluded.txt").write_text("b\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    words: list[str | Path] = ["evaluate", "--ground-truth", truth, "--predictions", perfect]
    words += ["--categories", tmp_path / "split.json", "--exclude-videos", tmp_path / "excluded.txt"]
    words += ["--page" if option == "--output" else "--output", tmp_path / "other.json"]
    # The same file, spelt in another way.
    words += [option, tmp_path / "folder" / ".." / name]
    assert main(list(map(str, words))) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{name}: would be overwritten" in line
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("option", ["--output", "--page"])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(
    option: str, truth: Path, perfect: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "--ground-truth", str(truth), "--predictions", str(perfect), option, str(tmp_path)]
    assert main(words) == 1
    written = capsys.readouterr()
    assert written.out == ""
    (line,) = written.err.splitlines()
    assert line.endswith("is a folder; name a file to write")


def test_scores_are_shown_where_the_report_cannot_be_written(
    truth: Path,
    perfect: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(path: Path, *_: object, **__: object) -> None:
        raise ConfigError(f"{path}: cannot be written (No space left on device); choose another place")

    monkeypatch.setattr("aher_lightning.cli.commands.evaluate.write_json", fail)
    output = str(tmp_path / "r.json")
    words = ["evaluate", "--ground-truth", str(truth), "--predictions", str(perfect), "--output", output]
    assert main(words) == 1
    written = capsys.readouterr()
    assert "average mAP" in written.out
    (line,) = written.err.splitlines()
    assert "cannot be written (No space left on device)" in line


def test_a_large_file_shows_how_far_it_is(
    truth: Path, perfect: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("aher_lightning.cli.commands.evaluate._LARGE_BYTES", 10)
    monkeypatch.setattr("aher_lightning.cli.commands.evaluate._MEGABYTE", 1)
    report_of(truth, ["--predictions", perfect])
    assert f"Reading perfect.json: {perfect.stat().st_size}/{perfect.stat().st_size} MB" in capsys.readouterr().out
