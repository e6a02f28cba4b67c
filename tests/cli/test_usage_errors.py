from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from aher_lightning.cli.usage_errors import CommandParser, OneLineErrors
from aher_lightning.datasets.sample_rules import SampleRules
from aher_lightning.errors import UsageError
from aher_lightning.models.base import Backbone
from tests.helpers.toy import MeanBackbone

BACKBONE = "tests.helpers.toy.MeanBackbone"


def function(
    checkpoint: Path,
    top_k: int | None = None,
    tiou: list[float] | None = None,
    side: int | list[float] = 3,
    dtype: Literal["a", "b"] = "a",
    overwrite: bool = False,
    files: Mapping[str, Path] | None = None,
) -> None:
    """Take options of the types that commands have."""


def parser() -> CommandParser:
    parser = CommandParser(prog="aher test")
    parser.add_argument("--config", action="config")
    parser.add_argument("--backbone", type=Backbone)
    parser.add_function_arguments(function, as_group=False, as_positional=False)
    return parser


def line_of(parser: OneLineErrors, words: list[str]) -> str:
    """What the parser raises."""
    with pytest.raises(UsageError) as failure:
        parser.parse_args(words)
    assert "\n" not in str(failure.value)
    return str(failure.value)


# Each line stands for one text of the library that is translated.
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--chekpoint", "x"], "unknown option 'chekpoint', did you mean '--checkpoint'"),
        (["--zzz=3", "--yyy"], "unknown option 'zzz'"),
        (["--backbone=MeanBackbon"], "'backbone': unknown class 'MeanBackbon', did you mean 'MeanBackbone'"),
        (["--backbone=p3dsmall"], "'backbone': unknown class 'p3dsmall', did you mean 'P3DSmall'"),
        (
            ["--backbone=torch.nn.Lineaar"],
            "'backbone': module 'torch.nn' has no class 'Lineaar', did you mean 'Linear'",
        ),
        (
            ["--backbone=no_such.Backbone"],
            "'backbone': no module 'no_such'; install its package, or add its folder to PYTHONPATH",
        ),
        (
            [f"--backbone={BACKBONE}", "--backbone.channel=3"],
            "'backbone': unknown option 'channel' of MeanBackbone, did you mean 'channels'",
        ),
        (
            [f"--backbone={BACKBONE}", "--backbone.chanels.size=3"],
            "'backbone': unknown option 'chanels.size' of MeanBackbone, did you mean 'channels'",
        ),
        (["--backbon.channels=3"], "unknown option 'backbon.channels', did you mean '--backbone'"),
        (["--top-k=5"], "unknown option 'top-k', did you mean '--top-k'"),
        ([f"--backbone={BACKBONE}", "--backbone.width=3"], "'backbone': unknown option 'width' of MeanBackbone"),
        (["more", "words"], "unexpected argument 'more words'"),
        (["--checkpoint"], "--checkpoint has no value"),
        (["--backbone=Nope"], "'backbone': unknown class 'Nope'"),
        (["--top_k=five"], "'top_k': expected a whole number, not 'five'"),
        (["--tiou=[many]"], "'tiou': expected a number, not 'many'"),
        (["--side=wide"], "'side': expected a whole number or a list, not 'wide'"),
        (["--overwrite=maybe"], "'overwrite': expected true or false, not 'maybe'"),
        (["--dtype=c"], "'dtype': expected one of a, b, not 'c'"),
        (["--files=3"], "'files': expected a mapping, not '3'"),
        ([f"--backbone={BACKBONE}", "--backbone.channels=x"], "'backbone.channels': expected a whole number, not 'x'"),
    ],
)
def test_the_parser_raises_one_line(words: list[str], line: str) -> None:
    assert line_of(parser(), [*words] if "--checkpoint" in words else [*words, "--checkpoint=c"]) == line


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert line_of(parser(), []) == "checkpoint must be given"
    missing = tmp_path / "no.yaml"
    assert line_of(parser(), [f"--config={missing}"]) == f"'config': no such file '{missing}'"


def test_options_in_files_are_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("chekpoint: 3\n")
    assert line_of(parser(), [f"--config={path}"]) == "unknown option 'chekpoint', did you mean '--checkpoint'"


def test_the_parser_of_a_subcommand_suggests_its_own_options(tmp_path: Path) -> None:
    outer = CommandParser(prog="aher", exit_on_error=True)
    outer.add_subcommands(dest="subcommand").add_subcommand("fit", parser())
    outer.add_argument("--config", action="config")
    path = tmp_path / "c.yaml"
    path.write_text("fit: {checkpoint: a, top-l: 3}\n")
    line = line_of(outer, [f"--config={path}", "fit"])
    assert line == "unknown option 'top-l', did you mean '--top-k'"


def test_an_option_of_a_group_is_suggested_with_its_group(tmp_path: Path) -> None:
    grouped = CommandParser(prog="aher test")
    grouped.add_argument("--config", action="config")
    grouped.add_class_arguments(SampleRules, "rules")
    path = tmp_path / "c.yaml"
    path.write_text("rules: {one_lable: true}\n")
    assert (
        line_of(grouped, [f"--config={path}"]) == "unknown option 'rules.one_lable', did you mean '--rules.one_label'"
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--backbone=Nope"], "'aher components' lists those of this package, and any other needs its full path"),
        (["--backbone=P3DSmall", "--backbone.chanels=3"], "'aher components P3DSmall' lists its options"),
        ([f"--backbone={BACKBONE}", "--backbone.chanels=3"], None),
        (["--nope"], None),
    ],
)
def test_an_error_says_what_lists_the_valid_names(words: list[str], hint: str | None) -> None:
    with pytest.raises(UsageError) as failure:
        parser().parse_args([*words, "--checkpoint=c"])
    assert failure.value.hint == hint


def test_other_texts_are_passed_on_in_one_line() -> None:
    line = line_of(parser(), ["--checkpoint=c", "--backbone=torch.nn.Linear"])
    assert line.startswith("'backbone': ")
    assert "torch.nn.Linear" in line


def test_valid_arguments_are_parsed() -> None:
    words = [f"--backbone={BACKBONE}", "--backbone.channels=3", "--top_k=5", "--checkpoint=c"]
    found = parser().instantiate_classes(parser().parse_args(words))
    assert isinstance(found.backbone, MeanBackbone)
    assert (found.backbone.out_channels, found.top_k) == (3, 5)
