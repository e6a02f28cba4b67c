from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.datasets.video_list import read_video_list
from aher_lightning.errors import AnnotationError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.json", '["a-1", "b_2"]'),
        ("object.json", '{"a-1": "private", "b_2": null}'),
        ("lines.txt", "# withdrawn\na-1\n\n  b_2  \n"),
        ("lines", "b_2\na-1\na-1\n"),
    ],
)
def test_all_layouts_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_video_list(tmp_path / name) == {"a-1", "b_2"}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '"v"', r"a\.json: holds a JSON string; expected a JSON list of video ids"),
        ("a.json", '["v", 3]', r"a\.json: entry 1 is a JSON number"),
        ("a.json", "[]", r"a\.json: names no video"),
        ("a.json", "[", r"a\.json: is not valid JSON"),
        ("a.txt", "# nothing\n", r"a\.txt: names no video"),
        ("a.txt", "\n", r"a\.txt: is empty"),
        ("a.txt", "../x\n", r"a\.txt: video id '\.\./x' is no plain file name"),
    ],
)
def test_unusable_lists_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(AnnotationError, match=message) as failure:
        read_video_list(tmp_path / name)
    assert "\n" not in str(failure.value)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    for name in ("missing.json", "missing.txt"):
        with pytest.raises(AnnotationError, match=rf"{name}: no such file"):
            read_video_list(tmp_path / name)
