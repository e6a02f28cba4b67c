from __future__ import annotations

from pathlib import Path

import pytest

from aher_lightning.annotations.records import Instance
from aher_lightning.annotations.text_files import parse_seconds, read_instances, read_lines
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import MalformedError


def test_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\n")
    assert read_lines(path, "words") == ["one", "", "two"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_what_is_no_text_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=rf"^.*file\.txt: {message}; expected words$"):
        read_lines(path, "words")


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file; expected words"):
        read_lines(tmp_path / "missing", "words")
    with pytest.raises(AnnotationError, match=r"cannot be read \(.+\); expected words"):
        read_lines(tmp_path, "words")


def test_seconds_are_finite_numbers() -> None:
    assert [parse_seconds(text) for text in ("12.5", " 3 ", "-1")] == [12.5, 3.0, -1.0]
    for text in ("", "nan", "inf", "1:20", "x" * 99):
        with pytest.raises(MalformedError, match="is not a time in seconds"):
            parse_seconds(text)


def parse_words(line: str) -> tuple[str, Instance]:
    name, start, end = line.split()
    return name, Instance("jump", parse_seconds(start), parse_seconds(end))


def test_instances_are_put_together_by_video(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("b 1 2\n\na 0 3\nb 5 5\n")
    found = read_instances(path, "words", parse_words, "drop")
    # Leaving out is for whoever makes videos of them, and counts.
    jumps = {"b": [Instance("jump", 1, 2), Instance("jump", 5, 5)], "a": [Instance("jump", 0, 3)]}
    assert list(found.items()) == list(jumps.items())
    assert read_instances(path, "words", parse_words, "keep") == found


def test_a_line_that_cannot_be_used_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("b 1 2\n\nb 5 5\n")
    with pytest.raises(AnnotationError, match=r"file\.txt: line 3: segment end 5.0 is not after its start 5.0"):
        read_instances(path, "words", parse_words, "error")
    path.write_text("b 1 soon\n")
    with pytest.raises(AnnotationError, match=r"file\.txt: line 1: 'soon' is not a time in seconds$"):
        read_instances(path, "words", parse_words, "drop")
