from __future__ import annotations

import pytest
from jsonargparse import ArgumentParser

from aher_lightning.cli.usage_errors import VerbParser, explain
from aher_lightning.errors import UsageError
from aher_lightning.models.base import Backbone
from tests.helpers.toy import MeanBackbone

UNION = """Parser key "model":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'pytorch_lightning.core.module.LightningModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path 'aher_lightning.modules.AherModule':
        Parser key "network":
          Type collections.abc.Callable[[int], x.AherNet] expects a function or a callable class: {reason}
    - Expected a <class 'NoneType'>
  Given value type: <class 'jsonargparse._util.NestedArg'>
  Given value: NestedArg(key='network.lenght', val='5')"""


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("unrecognized arguments: --chekpoint x", "there is no option 'chekpoint', did you mean '--checkpoint'"),
        ("unrecognized arguments: --zzz=3 --yyy", "there is no option 'zzz'"),
        ("unrecognized arguments: more words", "'more words' belongs to no option"),
        ("the following arguments are required: output", "output must be given"),
        ("argument --checkpoint: expected one argument", "--checkpoint has no value"),
        ("Subcommand 'fit' does not accept option 'top-l'", "there is no option 'top-l', did you mean '--top-k'"),
        (
            "Parser key \"overwrite\":\n  Expected a <class 'bool'>. Got value: maybe",
            "'overwrite': expected true or false, not 'maybe'",
        ),
        ("Parser key \"n\":\n  Expected a <class 'x.Path'>. Got value: 3", "'n': expected a Path, not '3'"),
        (
            "Parser key \"dtype\":\n  Expected a typing.Literal['a', 'b']. Got value: c",
            "'dtype': expected one of a, b, not 'c'",
        ),
        ("Parser key \"config\": File does not exist: '/x/no.yaml'", "'config': there is no file '/x/no.yaml'"),
        (
            UNION.format(reason="Option 'lenght' is not accepted. Got value: Namespace(...)"),
            "'model.network': there is no option 'lenght'",
        ),
        (UNION.format(reason="Expected a dot import path string: Nope"), "'model.network': there is no class 'Nope'"),
        (
            'Parser key "tiou":\n  Does not validate against any of the Union subtypes\n  Subtypes: [list[float], '
            "<class 'NoneType'>]\n  Errors:\n    - Expected a <class 'float'>\n    - Expected a <class 'NoneType'>\n"
            "  Given value type: <class 'str'>\n  Given value: many",
            "'tiou': expected a number, not 'many'",
        ),
        ("something that nobody\n   has foreseen", "something that nobody or has foreseen"),
        ("", ""),
    ],
)
def test_a_line_says_what_is_wrong(message: str, line: str) -> None:
    assert explain(message, ["--checkpoint", "--top_k", "-h"]) == line


def parser() -> ArgumentParser:
    parser = VerbParser(prog="aher test")
    parser.add_argument("--top_k", type=int)
    parser.add_argument("--backbone", type=Backbone)
    return parser


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--top_k=five"], "'top_k': expected a whole number, not 'five'"),
        (["--top-k=5"], "there is no option 'top-k', did you mean '--top-k'"),
        (["--backbone=Nope"], "'backbone': there is no class 'Nope'"),
        (["--backbone=tests.helpers.toy.MeanBackbone", "--backbone.width=3"], "'backbone': there is no option 'width'"),
    ],
)
def test_the_parser_raises_it(words: list[str], line: str) -> None:
    with pytest.raises(UsageError) as failure:
        parser().parse_args(words)
    assert str(failure.value) == line


def test_what_is_right_is_parsed() -> None:
    words = ["--backbone=tests.helpers.toy.MeanBackbone", "--backbone.channels=3", "--top_k=5"]
    found = parser().instantiate_classes(parser().parse_args(words))
    assert isinstance(found.backbone, MeanBackbone)
    assert (found.backbone.out_channels, found.top_k) == (3, 5)
