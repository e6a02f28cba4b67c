from __future__ import annotations

import pytest

from aher_lightning.cli.commands.components import components
from aher_lightning.cli.components import KINDS
from aher_lightning.cli.main import main


def test_all_classes_are_listed_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Head ('head' of AherNet)" in lines
    assert "  AnchorHead  Predict offsets, overlap and actionness of every anchor." in lines
    of_p3d = next(" ".join(line.split()) for line in lines if line.startswith("  P3DSmall "))
    assert of_p3d == "P3DSmall Pseudo-3D network for small clips: 20 million multiplications for 16 frames of 48 x 48."
    headings = [line for line in lines if line and not line.startswith((" ", "'"))]
    assert [line.split()[0] for line in headings] == [kind.name for kind in KINDS]


@pytest.mark.parametrize("name", ["AnchorHead", "anchorhead"])
def test_a_class_shows_its_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    components(name)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "Head ('head' of AherNet)",
        "",
        "AnchorHead: Predict offsets, overlap and actionness of every anchor.",
    ]
    place = lines.index("  use_actionness  (bool, default True)")
    assert lines[place + 1] == "      Whether to predict action against background."


def test_a_kind_shows_the_options_of_its_classes(capsys: pytest.CaptureFixture[str]) -> None:
    components("suppression")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if line and not line.startswith(" ")] == [
        "Suppression ('suppression' of DetectionDecoder)",
        "HardNMS",
        "SegmentVoting",
        "SoftNMS",
    ]


@pytest.mark.parametrize(
    ("name", "meant"), [("AncherHead", ", did you mean 'AnchorHead'"), ("supression", ", did you mean 'Suppression'")]
)
def test_an_unknown_class_suggests_the_nearest(name: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["components", name]) == 2
    line = f"aher components: '{name}' is no class of this package{meant}; 'aher components' lists all\n"
    assert capsys.readouterr().err == line
