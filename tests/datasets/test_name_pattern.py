from __future__ import annotations

import pytest

from aher_lightning.datasets.name_pattern import NamePattern
from aher_lightning.errors import ConfigError


@pytest.mark.parametrize(
    ("pattern", "name", "category"),
    [
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q03_016_push", "push"),
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q03_016_shaking_hands", "shaking_hands"),
        ("ut_s1_q0[1-4]_*_{category}", "ut_s1_q05_029_push", None),
        ("ut_s1_q0[1-4]_*_{category}", "my_ut_s1_q03_016_push", None),
        ("v_{category}_g*_c*", "v_ApplyEyeMakeup_g01_c02", "ApplyEyeMakeup"),
        ("v_{category}_g*_c*", "v_Hand_grip_g01_c02", "Hand_grip"),
        ("{category}", "anything at all", "anything at all"),
        ("{category}-??", "wave-01", "wave"),
        ("{category}-??", "wave-1", None),
        ("[!x]_{category}", "a_wave", "wave"),
        ("[!x]_{category}", "x_wave", None),
        ("a.b+(c)_{category}", "a.b+(c)_wave", "wave"),
        ("a.b_{category}", "axb_wave", None),
        ("v_{category}", "V_wave", None),
        ("v_{category}", "v_", None),
        ("[_{category}", "[_wave", "wave"),
        (r"[\]_{category}", "\\_wave", "wave"),
    ],
)
def test_names_tell_their_category(pattern: str, name: str, category: str | None) -> None:
    assert NamePattern(pattern).category(name) == category


@pytest.mark.parametrize(("pattern", "times"), [("v_*", 0), ("{category}_{category}", 2), ("", 0)])
def test_a_pattern_has_one_place_for_the_category(pattern: str, times: int) -> None:
    message = rf"names \{{category\}} {times} times; a pattern has it once, as in 'v_\{{category\}}_g\*_c\*'"
    with pytest.raises(ConfigError, match=message):
        NamePattern(pattern)
