from __future__ import annotations

import json
import os
from collections import OrderedDict
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files.json_files import (
    MalformedError,
    decimal_number,
    finite_number,
    json_type,
    read_json,
    read_json_object,
    repeated_key,
    unreadable,
    write_json,
    write_text,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def test_what_was_written_is_read_to_the_last_bit(path: Path) -> None:
    value = {"numbers": [0.1 + 0.2, 1e-300, -0.0, 3], "name": "Ça \u2028 va"}
    write_json(path, value, DataError)
    assert read_json_object(path, DataError) == value
    assert path.read_text(encoding="utf-8").count("\n") == 1


def test_missing_folders_are_made_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    write_json(path, [1], DataError, indent=2)
    write_json(path, [2], DataError)
    assert read_json(path, DataError) == [2]
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(path: Path) -> None:
    write_json(path, ["old"], DataError)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, [float("nan")], DataError)
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(path, [object()], DataError)
    assert read_json(path, DataError) == ["old"]
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    write_json(path, ["old"], DataError)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match=r"file\.json: cannot be written \(No space left on device\)"):
        write_json(path, ["new"], DataError)
    assert read_json(path, DataError) == ["old"]
    assert list(path.parent.iterdir()) == [path]


def test_texts_are_written_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_text(path, "old", DataError)
    write_text(path, "Ça va\n<\u2028>\r\n", DataError)
    assert path.read_bytes().decode() == "Ça va\n<\u2028>\r\n"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(DataError, match="cannot be written"):
        write_text(path / "below", "", DataError)


def test_a_place_that_is_no_folder_is_refused(path: Path) -> None:
    path.write_text("[]")
    with pytest.raises(DataError, match="cannot be written"):
        write_json(path / "below.json", [], DataError)
    with pytest.raises(DataError, match="cannot be written"):
        write_json(path.parent, [], DataError)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b'{"a": 1', r"is not valid JSON \(line 1, column 8"),
        (b'{"a": 1}\n}', r"is not valid JSON \(line 2, column 1: Extra data"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b'{"a": {"b": 1, "c": 2, "b": 3}}', r"is not usable JSON \(the key 'b' occurs twice\)"),
        (b"[" * 200_000, "is not usable JSON"),
        (b"9" * 5000, "is not usable JSON"),
    ],
)
def test_unusable_content_is_refused_in_one_line(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_json(path, DataError)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(path: Path) -> None:
    with pytest.raises(DataError, match=r"file\.json: no such file"):
        read_json(path, DataError)
    with pytest.raises(DataError, match="cannot be read"):
        read_json(path.parent, DataError)


def test_a_byte_order_mark_does_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path, DataError) == [1]
    with pytest.raises(DataError, match="holds a JSON array where an object"):
        read_json_object(path, DataError)


def test_types_have_their_json_names() -> None:
    values = [{}, [], "a", True, 1, 1.5, None]
    assert [json_type(value) for value in values] == [
        "object",
        "array",
        "string",
        "boolean",
        "number",
        "number",
        "null",
    ]
    assert json_type(b"") == "bytes"
    assert json_type(OrderedDict()) == "object"


def test_what_cannot_be_read_is_told_apart_from_what_is_missing(path: Path) -> None:
    assert unreadable(path, FileNotFoundError(2, "No such file")) == f"{path}: no such file; check the path"
    assert "cannot be read (Permission denied)" in unreadable(path, PermissionError(13, "Permission denied"))


@pytest.mark.parametrize("value", [True, "1.5", None, [1]])
def test_other_types_are_no_numbers(value: object) -> None:
    with pytest.raises(MalformedError, match="duration must be a number, but is a JSON"):
        finite_number(value, "duration")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_numbers_must_be_finite(text: str) -> None:
    with pytest.raises(MalformedError, match="score must be finite"):
        finite_number(json.loads(text), "score")
    assert finite_number(json.loads("-2"), "score") == -2.0


def test_a_link_stays_and_a_device_is_no_place_to_write(tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("old.txt")
    write_text(tmp_path / "link.txt", "new", DataError)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "old.txt").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match=r"pipe: is no ordinary file; choose another place"):
        write_text(tmp_path / "pipe", "new", DataError)
    assert (tmp_path / "pipe").is_fifo()


def test_the_first_key_that_occurs_again_is_found_quickly() -> None:
    pairs: list[tuple[str, object]] = [(str(number), None) for number in range(200_000)]
    assert repeated_key(pairs) == ""
    assert repeated_key([*pairs, ("199999", None), ("7", None)]) == "199999"


@pytest.mark.parametrize(
    ("value", "number"),
    [("18.6", 18.6), ("-3", -3.0), ("+007", 7.0), ("1.5e2", 150.0), ("2E-1", 0.2), (4, 4.0), (0.5, 0.5)],
)
def test_decimal_numbers_may_be_strings(value: object, number: float) -> None:
    assert decimal_number(value, "start") == number


@pytest.mark.parametrize(
    "text", ["", " 1", "1\n", "1,5", "1_000", "1:07", "5s", "nan", "inf", ".5", "5.", "0x1", "\u0661"]
)
def test_other_strings_are_no_numbers(text: str) -> None:
    with pytest.raises(MalformedError, match="start must be a number, but is the string") as caught:
        decimal_number(text, "start")
    assert "\n" not in str(caught.value)


def test_decimal_numbers_are_finite_and_no_other_type() -> None:
    with pytest.raises(MalformedError, match="start must be finite"):
        decimal_number("1e999", "start")
    with pytest.raises(MalformedError, match="start must be a number, but is a JSON boolean"):
        decimal_number(True, "start")


def test_the_remedy_for_what_is_no_json_can_be_given(path: Path) -> None:
    path.write_text("a,b")
    with pytest.raises(DataError, match=r"is not valid JSON \(line 1, .*\); give JSON$"):
        read_json_object(path, DataError, remedy="give JSON")
    path.write_text('{"a": 1, "a": 2}')
    with pytest.raises(DataError, match=r"is not usable JSON \(the key 'a' occurs twice\); give JSON$"):
        read_json(path, DataError, remedy="give JSON")
