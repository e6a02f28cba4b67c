from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.records import Instance
from aher_lightning.cli.commands.import_annotations import import_annotations
from aher_lightning.cli.main import main
from aher_lightning.errors import AherError, AnnotationError, ConfigError, DataError
from tests.helpers.annotation_tools import ELAN, LABEL_STUDIO, TEXTS, box, cvat
from tests.helpers.videos import VideoSpec, write_video


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"from_{tool}" for tool in TEXTS]
    for path, text in zip(paths, TEXTS.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return paths


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name in ("kitchen 1", "via_a", "via_b", "cvat_a", "ls_a"):
        write_video(folder / f"{name}.mp4", VideoSpec(num_frames=120, width=16, height=16))
    return folder


def test_files_of_all_tools_become_one(
    tmp_path: Path, files: list[Path], videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new" / "annotations.json"
    summary = import_annotations(files, output, videos=videos, subset="validation")
    read = read_activitynet(output)
    assert {name: (video.subset, video.duration_sec) for name, video in read.items()} == {
        **dict.fromkeys(("kitchen 1", "via_a", "via_b", "cvat_a", "ls_a"), ("validation", 12.0)),
        "ls_b": ("validation", 98.75),
    }
    assert read["cvat_a"].instances == (Instance("pour", 1.0, 3.0), Instance("pour", 5.0, 10.0))
    assert read["ls_a"].instances == (Instance("wave", 0.2, 0.5),)
    assert (summary.videos, summary.segments, len(summary.categories)) == (6, 11, 10)
    assert summary.left_out["without times of their own"] == 2
    assert summary.kept == {"outside the video": 3}
    shown = capsys.readouterr().out
    assert shown.startswith(f"{output}: 6 videos, 11 segments, 10 categories; left out ")
    assert shown.endswith("; kept 3 outside the video\n")


def test_segments_that_break_a_rule_are_counted_as_the_rules_say(tmp_path: Path, videos: Path) -> None:
    task = json.loads(json.dumps(LABEL_STUDIO[0]))
    result = task["annotations"][1]["result"][0]
    result["value"]["ranges"] = [
        {"start": start, "end": end} for start, end in [(1, 5), (1, 5), (9, 8), (9, 2), (100, 500)]
    ]
    (tmp_path / "a.json").write_text(json.dumps(task))
    summary = import_annotations([tmp_path / "a.json"], tmp_path / "out.json", videos=videos)
    assert summary.segments == 3
    assert summary.left_out == {
        "cancelled annotations": 1,
        "other results": 1,
        "empty": 1,
        "reversed": 1,
    }
    assert summary.kept == {"outside the video": 1, "duplicates": 1}


def test_the_result_is_ground_truth_for_the_evaluation(tmp_path: Path, files: list[Path], videos: Path) -> None:
    truth, predictions = tmp_path / "truth.json", tmp_path / "predictions.json"
    words = ["import-annotations", *map(str, files[:2]), "--output", str(truth), "--videos", str(videos)]
    assert main([*words, "--subset", "validation", "--tiers", "action,speech"]) == 0
    results = {
        name: [{"label": label, "score": 0.5, "segment": [start, end]} for label, start, end in video.instances]
        for name, video in read_activitynet(truth).items()
    }
    predictions.write_text(json.dumps({"results": results}))
    report = tmp_path / "report.json"
    words = ["evaluate", "--ground-truth", str(truth), "--predictions", str(predictions), "--output", str(report)]
    assert main(words) == 0
    scores = json.loads(report.read_text())
    assert (scores["mAP"]["average"], scores["instances"]) == (1.0, 3)


def test_options_reach_the_readers_from_the_command_line(tmp_path: Path, files: list[Path], videos: Path) -> None:
    output = tmp_path / "out.json"
    words = ["import-annotations", str(files[0]), "--format", "elan", "--output", str(output), "--label", "tier"]
    assert main([*words, "--videos", str(videos), "--tiers", "action"]) == 0
    assert read_activitynet(output)["kitchen 1"].instances[0].label == "action"
    assert main(["import-annotations", str(files[2]), "--fps", "20", "--output", str(output)]) == 0
    assert read_activitynet(output)["cvat_a"].instances[0] == Instance("pour", 0.5, 1.5)
    assert read_activitynet(output)["cvat_a"].duration_sec == 5.0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fps": 0.0}, ConfigError, "fps is 0.0: give a positive number"),
        ({"fps": math.nan}, ConfigError, "fps is nan"),
        ({"subset": " "}, ConfigError, "subset is empty"),
        ({"tiers": "acton, speech"}, ConfigError, "no file has the tier 'acton'; tiers that exist: 'action', 'note'"),
        ({"videos": Path("nowhere")}, DataError, "nowhere: no such folder of videos"),
        ({"format": "via"}, AnnotationError, "is not a file of via"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    tmp_path: Path, files: list[Path], videos: Path, options: dict[str, Any], error: type[AherError], message: str
) -> None:
    with pytest.raises(error, match=message):
        import_annotations(files[:1], tmp_path / "out.json", **{"videos": videos, **options})
    assert not (tmp_path / "out.json").exists()


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path, files: list[Path], videos: Path) -> None:
    output = tmp_path / "out.json"
    again = tmp_path / "again.eaf"
    again.write_text(ELAN, encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"again.eaf: video 'kitchen 1' is also in .*from_elan; rename"):
        import_annotations([files[0], again], output, videos=videos)
    with pytest.raises(ConfigError, match="would be overwritten"):
        import_annotations(files, files[1], videos=videos)
    assert files[1].read_text() == TEXTS["via"]
    with pytest.raises(AnnotationError, match="video 'kitchen 1' has no duration; give --videos"):
        import_annotations(files, output)
    assert not output.exists()


def test_a_file_of_a_stranger_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "[red].eaf"
    path.write_text(
        "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><ANNOTATION_DOCUMENT>&e;</ANNOTATION_DOCUMENT>"
    )
    assert main(["import-annotations", str(path), "--output", str(tmp_path / "out.json")]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert (
        shown.err
        == f"aher import-annotations: {path}: has a document type declaration, which no annotation tool writes\n"
    )


def test_a_track_in_the_middle_of_a_long_video_keeps_its_times(tmp_path: Path) -> None:
    track = f'<track id="0" label="pour">{box(30000, 0)}{box(30050, 1)}</track>'
    (tmp_path / "long.xml").write_text(cvat(track).replace("<stop_frame>99", "<stop_frame>99999"))
    import_annotations([tmp_path / "long.xml"], tmp_path / "out.json", fps=25)
    assert read_activitynet(tmp_path / "out.json")["cvat_a"].instances == (Instance("pour", 1200.0, 1202.0),)
