from __future__ import annotations

import gc
import json
import random
from pathlib import Path

import pytest

from aher_lightning.errors import DataError
from aher_lightning.files import json_stream
from aher_lightning.files.json_stream import EntryNames, EntryPart, RepeatedKeys, stream_entries

VIDEO = EntryNames("video", "prediction")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.json"


def read(path: Path, chunk_bytes: int = 1 << 20) -> list[EntryPart]:
    return list(stream_entries(path, "results", DataError, names=VIDEO, chunk_bytes=chunk_bytes))


def joined(parts: list[EntryPart]) -> dict[str, object]:
    """Return the entries with their lists put together again."""
    entries: dict[str, object] = {}
    for key, first, value in parts:
        if first:
            whole = entries[key]
            assert isinstance(whole, list)
            assert isinstance(value, list)
            assert len(whole) == first
            entries[key] = whole + value
        else:
            entries[key] = value
    return entries


def random_value(source: random.Random, depth: int = 3) -> object:
    """Return a value of any JSON type, with whatever is hard to cut: escapes, brackets in strings, long numbers."""
    kind = source.randrange(8 if depth else 6)
    if kind == 6:
        return [random_value(source, depth - 1) for _ in range(source.randrange(5))]
    if kind == 7:
        return {f"k{n}": random_value(source, depth - 1) for n in range(source.randrange(4))}
    text = "".join(source.choices(["a", '"', "\\", "},", "]", "\n", "é", "\u2028", "😀", "{"], k=source.randrange(8)))
    return [None, True, text, source.random() * 10.0 ** source.randrange(-200, 200), -1.5, float("inf")][kind]


def random_rows(source: random.Random, num_rows: int) -> list[object]:
    return [{"n": float(n), "value": random_value(source, 1)} for n in range(num_rows)]


@pytest.mark.parametrize("seed", range(8))
def test_pieces_of_any_size_give_what_the_whole_file_gives(path: Path, seed: int) -> None:
    source = random.Random(seed)
    results = {f"v{n}": random_value(source) for n in range(4)} | {"rows": random_rows(source, 12), "é": []}
    content = {"version": [1, {"a": "},"}], "results": results, "other": {"results": 3}}
    path.write_text(json.dumps(content, ensure_ascii=seed % 2 == 0, indent=seed % 3 or None), encoding="utf-8")
    for chunk_bytes in (1, 2, 3, 7, 31, 100, 1000, 1 << 20):
        entries = joined(read(path, chunk_bytes))
        assert entries == results
        assert list(entries) == list(results)


def test_a_long_list_comes_in_parts_of_bounded_size(path: Path) -> None:
    rows = random_rows(random.Random(0), 3000)
    path.write_text(json.dumps({"results": {"a": rows, "b": [1.0]}}))
    parts = read(path, 4096)
    assert joined(parts) == {"a": rows, "b": [1.0]}
    assert len(parts) > 20
    longest = max(len(json.dumps(part.value)) for part in parts)
    assert longest <= 3 * 4096
    assert [(part.key, part.first) for part in parts if not part.first] == [("a", 0), ("b", 0)]


def test_one_giant_value_is_parsed_a_few_times_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(json.dumps({"results": {"a": list(range(20_000)), "b": "x" * 50_000}}))
    lengths: list[int] = []
    decode = json_stream._decode

    def counted(text: str, place: int) -> tuple[object, int]:
        lengths.append(len(text) - place)
        return decode(text, place)

    monkeypatch.setattr(json_stream, "_decode", counted)
    assert set(joined(read(path, 64))) == {"a", "b"}
    assert sum(lengths) < 6 * path.stat().st_size


def test_numbers_are_floats_however_they_are_written(path: Path) -> None:
    path.write_text('{"results": {"a": [1, -2, 1e2, NaN, -Infinity, 9007199254740993], "b": ' + "9" * 5000 + "}}")
    entries = joined(read(path))
    numbers = entries["a"]
    assert isinstance(numbers, list)
    assert {type(number) for number in numbers} == {float}
    assert numbers[:3] == [1.0, -2.0, 100.0]
    assert numbers[4:] == [float("-inf"), float(9007199254740993)]
    assert entries["b"] == float("inf")


def test_repetitions_below_the_top_are_left_to_the_caller(path: Path) -> None:
    path.write_text('{"results": {"a": [{"x": 1, "y": 2, "x": 3}, {"x": 1}], "a": 2}}')
    (_, _, rows), again = read(path)
    assert isinstance(rows, list)
    assert isinstance(rows[0], RepeatedKeys)
    assert rows[0] == {"x": 3.0, "y": 2.0}
    assert rows[0].repeated == "x"
    assert type(rows[1]) is dict
    assert again == ("a", 0, 2.0)


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1 << 20])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"[1]", r"holds a JSON array where an object \{\.\.\.\} is expected"),
        (b'"text"', "holds a JSON string where"),
        (b"12", "holds a JSON number where"),
        (b"null", "holds a JSON null where"),
        (b"rubbish", r"is not valid JSON \(line 1, column 1: Expecting value\)"),
        (b"{}", r'"results" is missing; expected \{"results": \{\.\.\.\}\}'),
        (b'{"results": [1]}', '"results" is a JSON array; expected'),
        (b'{"results": null}', '"results" is a JSON null; expected'),
        (b'{"results": {}, "a": 1, "a": 2}', r"column 29: the top-level key 'a' occurs twice\)"),
        (b'{"results": {}, "results": {}}', "the top-level key 'results' occurs twice"),
        (b'{"results": {}} x', r"\(line 1, column 17: Extra data\)"),
        (b'{"results": {}}\n\n  }', r"\(line 3, column 3: Extra data\)"),
        (b'{"results": {}', r"\(line 1, column 15: the text ends too early\)"),
        (b'{"results": {},}', r"column 16: Expecting property name enclosed in double quotes\)"),
        (b'{"results": {} "a": 1}', r"column 16: Expecting ',' delimiter\)"),
        (b'{"results" {}}', r"column 12: Expecting ':' delimiter\)"),
        (b"{1: {}}", r"column 2: Expecting property name"),
        (b'{"results": {"v": [1, 2', r"video 'v': prediction 2: is not valid JSON \(line 1, column 24: the text ends"),
        (b'{"results": {"v": [1,\n{"label": "wa', r"video 'v': prediction 1: .*\(line 2, column 14: the text ends"),
        (b'{"results": {"v": ', r"video 'v': is not valid JSON \(line 1, column 19: the text ends too early\)"),
        (b'{"results": {"v": [1 2]}}', r"video 'v': prediction 1: .*column 22: Expecting ',' delimiter"),
        (b'{"results": {"v": [{"a": 1}, {"b" 2}]}}', r"video 'v': prediction 1: .*column 35: Expecting ':' delimiter"),
        (b'{"results": {"v": "a\nb"}}', r"video 'v': is not valid JSON \(line 1, column 21: Invalid control character"),
        (b'{"results": {"v": 1\xff2}}', r"column 20: bytes that are no UTF-8 text\)"),
        (
            b'{"results": {"v": [{}, "\xc3\xa9\xc3(", 1]}}',
            r"video 'v': prediction 1: .*column 26: bytes that are no UTF",
        ),
        (b'{"results": {}}\xc3', r"column 16: bytes that are no UTF-8 text\)"),
        (b"\xff\xfe{\x00", r"line 1, column 1: bytes that are no UTF-8 text\)"),
        (b'{"results": {"v": [{}, ' + b"[" * 100_000, "video 'v': prediction 1: is not valid JSON .*nested too deeply"),
        (b'{"a": ' + b"[" * 100_000, r"is not valid JSON \(line 1, column 7: nested too deeply\)"),
        (b'{"results": {"v": ' + b'{"a":' * 100_000, "video 'v': is not valid JSON .*nested too deeply"),
    ],
)
def test_unusable_files_are_refused_in_one_line(path: Path, content: bytes, message: str, chunk_bytes: int) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read(path, chunk_bytes)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(path: Path) -> None:
    with pytest.raises(DataError, match=r"file\.json: no such file"):
        read(path)
    with pytest.raises(DataError, match="cannot be read"):
        read(path.parent)


def test_every_truncation_is_found_where_it_is(path: Path) -> None:
    text = json.dumps({"a": [1], "results": {"v": random_rows(random.Random(3), 4), "é\n": 2.5}}, indent=1)
    for end in range(1, len(text)):
        path.write_text(text[:end], encoding="utf-8")
        messages = set()
        for chunk_bytes in (3, 50, 1 << 20):
            with pytest.raises(DataError, match="is not valid JSON") as caught:
                read(path, chunk_bytes)
            messages.add(str(caught.value))
        assert len(messages) == 1
    path.write_text(text, encoding="utf-8")
    assert joined(read(path, 10)) == json.loads(text)["results"]


def test_the_verdict_on_damaged_text_is_that_of_the_standard_parser(path: Path) -> None:
    source = random.Random(5)
    text = json.dumps({"results": {"v": random_rows(source, 5), "w": [1.5, -2.0, True, "a\\b"]}, "a": {"b": [{}, {}]}})
    verdicts = []
    for _ in range(400):
        place = source.randrange(len(text))
        damaged = text[:place] + source.choice(["", ",", "}", "]", '"', "0", " ", "},", "\\"]) + text[place + 1 :]
        try:
            expected = json.loads(damaged, parse_int=float)
        except json.JSONDecodeError:
            expected = None
        path.write_text(damaged)
        chunk_bytes = source.choice([1, 9, 64, 1 << 20])
        if expected is None:
            with pytest.raises(DataError, match=r"is not valid JSON|where an object|is a JSON"):
                read(path, chunk_bytes)
        elif isinstance(expected.get("results"), dict):
            assert joined(read(path, chunk_bytes)) == expected["results"]
        verdicts.append(expected is None)
    assert 100 < sum(verdicts) < 380


@pytest.mark.parametrize("tail", [",]", ", ]", ",\n\n]", ",,{}]", " {}]", "]]", "}"])
def test_the_end_of_a_list_in_parts_is_checked(path: Path, tail: str) -> None:
    rows = ",".join('{"a": 1}' for _ in range(40))
    path.write_text('{"results": {"v": [' + rows + tail + "}}")
    for chunk_bytes in (16, 60, 1 << 20):
        with pytest.raises(DataError, match=r"is not valid JSON \(line \d, column \d"):
            read(path, chunk_bytes)
    path.write_text('{"results": {"v": [' + rows + "]" + tail)
    with pytest.raises(DataError, match="is not valid JSON"):
        read(path, 32)


def test_progress_counts_the_bytes_of_the_file(path: Path) -> None:
    path.write_text(json.dumps({"results": {"é": ["x" * 1000]}}, ensure_ascii=False), encoding="utf-8")
    size = path.stat().st_size
    seen: list[tuple[int, int]] = []
    for _ in stream_entries(path, "results", DataError, chunk_bytes=100, on_progress=lambda *at: seen.append(at)):
        pass
    assert {total for _, total in seen} == {size}
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[0] == (100, size)
    assert seen[-1] == (size, size)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(path: Path, is_enabled: bool) -> None:
    path.write_text('{"results": {"v": [{}, }')
    before = gc.isenabled()
    try:
        (gc.enable if is_enabled else gc.disable)()
        with pytest.raises(DataError, match="prediction 1"):
            read(path)
        assert gc.isenabled() is is_enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_reader_that_stops_early_closes_the_file(path: Path) -> None:
    path.write_text('{"results": {"v": [1], "w": rubbish')
    entries = stream_entries(path, "results", DataError, chunk_bytes=4)
    assert next(entries) == ("v", 0, [1.0])
    with pytest.raises(DataError, match="entry 'w': is not valid JSON"):
        next(entries)
    path.unlink()
