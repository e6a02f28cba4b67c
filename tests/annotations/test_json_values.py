from __future__ import annotations

import math

import pytest

from aher_lightning.annotations.json_values import as_list, as_object, positive_number
from aher_lightning.files.json_files import MalformedError


def test_the_right_kind_passes() -> None:
    assert as_object({"a": 1}) == {"a": 1}
    assert as_list([1]) == [1]
    assert positive_number("2.5", "fps") == positive_number(2.5, "fps") == 2.5


@pytest.mark.parametrize("value", [None, True, 1, "x"])
def test_another_kind_is_named(value: object) -> None:
    with pytest.raises(MalformedError, match="where an object is expected"):
        as_object(value)
    with pytest.raises(MalformedError, match="where a list is expected"):
        as_list(value)


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, None, "x", 10**400])
def test_other_numbers_are_refused(value: object) -> None:
    with pytest.raises(MalformedError, match="fps must"):
        positive_number(value, "fps")
