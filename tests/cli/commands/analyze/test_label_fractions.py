from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.analyses.label_fractions import FractionPoint
from aher_lightning.cli.commands.analyze.label_fractions import label_fractions, read_average
from aher_lightning.cli.main import main
from aher_lightning.errors import DataError


def metrics(folder: Path, name: str, value: object) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"test/mAP": value, "test/AUC": 0.5}))
    return path


def test_the_curve_and_the_level_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    supervised = {"1.0": metrics(tmp_path, "all", 0.4), "0.5": metrics(tmp_path, "half", 0.2)}
    table = label_fractions(supervised, metrics(tmp_path, "ahernet", 0.3), tmp_path / "out")
    assert table == [FractionPoint(0.0, 0.3), FractionPoint(0.5, 0.2), FractionPoint(1.0, 0.4)]
    assert (tmp_path / "out" / "fractions.csv").read_text() == "fraction,mAP\n0.0,0.3\n0.5,0.2\n1.0,0.4\n"
    assert (tmp_path / "out" / "fractions.png").read_bytes()[1:4] == b"PNG"
    assert "AherNet* reaches AherNet at 75 % of the annotations" in capsys.readouterr().out


def test_it_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    supervised = json.dumps({"0.5": str(metrics(tmp_path, "half", 0.2))})
    words = ["analyze", "label-fractions", "--supervised", supervised, "--output", str(tmp_path / "out")]
    assert main([*words, "--ahernet", str(metrics(tmp_path, "ahernet", 0.3))]) == 0
    assert "AherNet* reaches AherNet with no fraction of the annotations" in capsys.readouterr().out
    assert main([*words, "--ahernet", str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err == f"aher analyze: {tmp_path}/none.json: no such file; check the path\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.5", "test/mAP must be a number, but is a JSON string; give the metrics.json"),
        (None, "must be a number"),
        (37.5, r"test/mAP is 37\.5, but lies in \[0, 1\]"),
    ],
)
def test_what_is_no_average_is_refused(value: object, message: str, tmp_path: Path) -> None:
    path = metrics(tmp_path, "m", value)
    with pytest.raises(DataError, match=rf"m\.json: .*{message}"):
        read_average(path)


def test_the_file_must_be_that_of_a_test_run(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text('{"val/mAP": 0.5}')
    with pytest.raises(DataError, match=r"has no 'test/mAP'; give the metrics\.json of 'aher test'"):
        read_average(tmp_path / "m.json")
