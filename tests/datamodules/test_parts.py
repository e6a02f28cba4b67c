from __future__ import annotations

import pytest

from aher_lightning.datamodules.parts import choose_parts
from aher_lightning.errors import ConfigError


def test_all_parts_of_the_setting_by_default() -> None:
    assert choose_parts(None, has_moments=True) == ("untrimmed", "foreground", "moments")
    assert choose_parts(None, has_moments=False) == ("untrimmed", "foreground")
    assert choose_parts(["moments"], has_moments=True) == ("moments",)


def test_what_there_is_not_cannot_be_wanted() -> None:
    with pytest.raises(ConfigError, match=r"^'parts' is empty; list one part, or remove the option for all of them$"):
        choose_parts([], has_moments=True)
    with pytest.raises(ConfigError, match="there are no moments; remove \"moments\" from 'parts'"):
        choose_parts(["moments"], has_moments=False)
