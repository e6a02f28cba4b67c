from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from typing import get_type_hints

import pytest

from aher_lightning.cli.verbs import BESIDE_DATA, TRAINER_VERBS, VERBS, Verb


def function_verbs() -> Iterator[tuple[str, Verb]]:
    for name, verb in VERBS.items():
        if isinstance(verb, Verb):
            yield name, verb
        else:
            yield from ((f"{name} {kind}", one) for kind, one in verb.kinds.items())


@pytest.mark.parametrize(
    ("name", "verb"), list(function_verbs()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_verb_is_a_function_with_its_options(name: str, verb: Verb) -> None:
    module, function_name = verb.target.split(":")
    function = getattr(import_module(module), function_name)
    assert function.__name__ == name.split()[-1].replace("-", "_")
    assert verb.positional is None or verb.positional in signature(function).parameters
    assert verb.ignored in {(), BESIDE_DATA}
    hints = " ".join(map(str, get_type_hints(function).values()))
    needs_names = any(base in hints for base in ("DataModule", "Backbone", "VideoReader"))
    assert verb.names_classes == needs_names


def test_no_verb_stands_twice() -> None:
    assert not VERBS.keys() & TRAINER_VERBS.keys()
