from __future__ import annotations

import inspect

from aher_lightning import errors
from aher_lightning.errors import AherError, first_cause


def test_every_error_of_a_user_can_be_caught_at_once() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    assert len(kinds) >= 8
    assert all(issubclass(kind, AherError) for kind in kinds)
    assert all(kind.__name__.endswith("Error") for kind in kinds)


def test_mistakes_of_a_programmer_are_no_errors_of_a_user() -> None:
    assert not issubclass(ValueError, AherError)
    assert not issubclass(AherError, (ValueError, RuntimeError, OSError))


def test_the_first_cause_is_what_others_were_raised_from() -> None:
    first, second, third = KeyError("a"), ValueError("b"), TypeError("c")
    second.__context__, third.__cause__ = first, second
    assert first_cause(third) is first_cause(first) is first
    second.__suppress_context__ = True
    assert first_cause(third) is second
