from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.video.clip_names import clip_name, safe_name

NAMES = [
    "wave",
    "Wave",
    "..",
    ".",
    "../../etc/passwd",
    "/etc/passwd",
    "a/b",
    "a_b",
    "a%2Fb",
    "a\\b",
    "C:\\x",
    ".hidden",
    "ends.",
    " spaces ",
    "a\nb",
    "a\x00b",
    "\ud800",
    "<b>",
    "走る",
    "x" * 500,
    "x" * 501,
    "走" * 200,
    "/" * 100,
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_its_folder(tmp_path: Path, name: str) -> None:
    safe = safe_name(name)
    assert (tmp_path / safe).resolve().parent == tmp_path.resolve()
    (tmp_path / safe).mkdir()
    (tmp_path / safe / clip_name(name, 12345.678, 99999.999, 999)).touch()
    assert len(safe.encode()) <= 120
    assert not safe.startswith(".")
    assert len(list(tmp_path.iterdir())) == 1


def test_different_names_stay_different_and_plain_ones_as_they_are() -> None:
    assert len({safe_name(name) for name in NAMES}) == len(NAMES)
    for name in ("wave", "Long jump, high", "走る", "a.b", "v_-5KAycAQlC4", "it's (1) & [2]"):
        assert safe_name(name) == name


def test_times_have_two_digits() -> None:
    assert clip_name("a/b", 0.0, 1.005) == "a%2Fb_0.00-1.00.mp4"
    assert clip_name("v", 0.0, 1.005, 12) == "v_0.00-1.00_12.mp4"
