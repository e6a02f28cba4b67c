from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pytest
import torch

from aher_lightning.errors import PredictionError
from aher_lightning.reports.predictions import reader as prediction_reader
from aher_lightning.reports.predictions.reader import Predictions, read_predictions

NAN = float("nan")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "predictions.json"


def write(path: Path, results: object) -> Path:
    path.write_text(json.dumps({"version": "VERSION 1.3", "results": results, "external_data": {}}))
    return path


def prediction(label: object = "wave", score: object = 0.5, segment: object = (1, 2)) -> object:
    return {"label": label, "score": score, "segment": segment}


def contents(found: Predictions) -> list[object]:
    """Return everything, in an order that counts, as what can be compared."""
    videos = [(name, *(column.tolist() for column in one)) for name, one in found.detections.items()]
    return [videos, found.categories, found.skipped]


def test_rows_are_float64_in_the_order_of_the_file(path: Path) -> None:
    write(path, {"z": [prediction(score=1), prediction("jump", 0.1 + 0.2, [3, 4.5])], "a": []})
    found = read_predictions(path)
    assert contents(found) == [
        [("z", [[1.0, 2.0], [3.0, 4.5]], [1.0, 0.1 + 0.2], [0, 1]), ("a", [], [], [])],
        ["wave", "jump"],
        {},
    ]
    for one in found.detections.values():
        assert (one.segments.dtype, one.scores.dtype, one.labels.dtype) == (torch.float64, torch.float64, torch.int64)
    assert found.detections["a"].segments.shape == (0, 2)


def test_categories_come_from_the_file_unless_given(path: Path) -> None:
    write(path, {"v": [prediction("wave"), prediction("jump"), prediction("wave")], "w": []})
    open_set = read_predictions(path)
    assert open_set.categories == ["wave", "jump"]
    assert open_set.detections["v"].labels.tolist() == [0, 1, 0]
    given = read_predictions(path, ["bow", "jump", "wave"])
    assert given.categories == ["bow", "jump", "wave"]
    assert given.detections["v"].labels.tolist() == [2, 1, 2]


def test_segments_of_zero_seconds_are_read(path: Path) -> None:
    found = read_predictions(write(path, {"v": [prediction(segment=[2, 2])]}))
    assert found.detections["v"].segments.tolist() == [[2.0, 2.0]]
    assert found.skipped == {}


@pytest.mark.parametrize(
    ("results", "message", "reason"),
    [
        ({"v": {}}, "video 'v': is not a list of predictions but a JSON object", "entry of a video is not a list"),
        ({"v": [3]}, "video 'v': prediction 0: row is not an object", "row is not an object"),
        ({"v": [prediction(), prediction("bow")]}, "prediction 1: label 'bow' is not among the 2", "unknown label"),
        ({"v": [prediction(None)]}, r"prediction 0: label is not a name \(JSON null\)", "label is not a name"),
        ({"v": [prediction(score=NAN)]}, r"prediction 0: score is not finite \(nan\)", "score is not finite"),
        ({"v": [prediction(score="0.5")]}, r"score is not a number \(JSON string\)", "score is not a number"),
        ({"v": [{"label": "wave", "segment": [1, 2]}]}, r"not a number \(missing\)", "score is not a number"),
        ({"v": [prediction(segment=[2])]}, r"segment is not \[start, end\]", "segment is not [start, end]"),
        ({"v": [prediction(segment=[0, 10**400])]}, "segment is not finite", "segment is not finite"),
        ({"v": [prediction(segment=[3, 2])]}, "segment ends before it starts", "segment ends before it starts"),
        ({"a/../b": [prediction()] * 3}, r"video 'a/\.\./b': video id is not", "video id is not a plain file name"),
    ],
)
def test_what_is_invalid_is_named_or_left_out(
    path: Path, results: dict[str, object], message: str, reason: str
) -> None:
    write(path, {"first": [prediction()], **results, "last": [prediction("jump")]})
    with pytest.raises(PredictionError, match=message) as caught:
        read_predictions(path, ["wave", "jump"])
    assert str(caught.value).startswith(f"{path}: video '")
    assert str(caught.value).endswith("; fix the file or give --skip-invalid")
    assert "\n" not in str(caught.value)
    found = read_predictions(path, ["wave", "jump"], skip_invalid=True)
    assert found.skipped == {reason: 1}
    assert found.detections["first"].labels.tolist() == [0]
    assert found.detections["last"].labels.tolist() == [1]


def test_left_out_rows_leave_no_category_and_keep_their_video(path: Path) -> None:
    write(path, {"v": [prediction("bow", NAN)], "w": [prediction("jump"), prediction("bow", None), prediction("wave")]})
    found = read_predictions(path, skip_invalid=True)
    assert found.categories == ["jump", "wave"]
    assert list(found.detections) == ["v", "w"]
    assert found.detections["v"].segments.shape == (0, 2)
    assert found.detections["w"].labels.tolist() == [0, 1]
    assert found.skipped == {"score is not finite": 1, "score is not a number": 1}


def test_a_key_that_occurs_twice_makes_a_row_invalid(path: Path) -> None:
    row = json.dumps(prediction())
    path.write_text(f'{{"results": {{"v": [{row}, {row[:-1]}, "score": 0.9}}, {row}]}}}}')
    with pytest.raises(PredictionError, match="video 'v': prediction 1: the key 'score' occurs twice; fix"):
        read_predictions(path)
    found = read_predictions(path, skip_invalid=True)
    assert found.skipped == {"a key occurs twice": 1}
    assert found.detections["v"].scores.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1 << 20])
def test_of_a_repeated_video_the_first_counts(path: Path, chunk_bytes: int) -> None:
    one, four = json.dumps([prediction()]), json.dumps([prediction("jump", NAN)] * 4)
    path.write_text(f'{{"results": {{"v": {one}, "w": [], "v": {four}, "x": {one}, "v": null, "w": []}}}}')
    with pytest.raises(PredictionError, match="video 'v': video id occurs twice; fix the file or give --skip-invalid"):
        read_predictions(path, chunk_bytes=chunk_bytes)
    found = read_predictions(path, skip_invalid=True, chunk_bytes=chunk_bytes)
    assert contents(found) == [
        [("v", [[1.0, 2.0]], [0.5], [0]), ("w", [], [], []), ("x", [[1.0, 2.0]], [0.5], [0])],
        ["wave"],
        {"video id occurs twice": 5},
    ]


def test_a_first_occurrence_that_is_left_out_counts_as_well(path: Path) -> None:
    path.write_text(f'{{"results": {{"v": 3, "v": {json.dumps([prediction()] * 2)}}}}}')
    found = read_predictions(path, skip_invalid=True)
    assert found.detections == {}
    assert found.skipped == {"entry of a video is not a list": 1, "video id occurs twice": 2}


def test_a_repeated_empty_video_loses_nothing(path: Path) -> None:
    path.write_text('{"results": {"v": [], "v": []}}')
    assert read_predictions(path, skip_invalid=True).skipped == {}
    with pytest.raises(PredictionError, match="occurs twice"):
        read_predictions(path)


@pytest.mark.parametrize("skip_invalid", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("[]", "holds a JSON array where an object"),
        ("{}", '"results" is missing'),
        ('{"results": null}', '"results" is a JSON null'),
        ('{"results": []}', '"results" is a JSON array'),
        ('{"results": {"v": [', "video 'v': prediction 0: is not valid JSON"),
        ('{"results": {"v": [{"label": "a", "score": 1, "segment": [1, 2]}, {"lab', "video 'v': prediction 1: is not"),
        ('{"results": {"v": []}} {', r"line 1, column 24: Extra data"),
        ('{"results": {}, "results": {}}', "the top-level key 'results' occurs twice"),
    ],
)
def test_files_whose_rest_is_unknown_are_refused_in_any_case(
    path: Path, content: str, message: str, skip_invalid: bool
) -> None:
    with pytest.raises(PredictionError, match="no such file"):
        read_predictions(path, skip_invalid=skip_invalid)
    path.write_text(content)
    with pytest.raises(PredictionError, match=message) as caught:
        read_predictions(path, skip_invalid=skip_invalid)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0, 1, 4095, 4096, 8191, 9999])
def test_rows_are_numbered_through_a_long_video(path: Path, place: int) -> None:
    rows = [prediction(score=number) for number in range(10_000)]
    rows[place] = prediction(score=NAN)
    write(path, {"v": rows})
    for chunk_bytes in (10_000, 1 << 23):
        with pytest.raises(PredictionError, match=f"video 'v': prediction {place}: score is not finite"):
            read_predictions(path, chunk_bytes=chunk_bytes)
        found = read_predictions(path, skip_invalid=True, chunk_bytes=chunk_bytes)
        assert found.detections["v"].scores.tolist() == [number for number in range(10_000) if number != place]
        assert found.skipped == {"score is not finite": 1}


def test_a_long_video_that_breaks_off_is_named_with_its_row(path: Path) -> None:
    write(path, {"v": [prediction()] * 3000})
    text = path.read_text()
    # In the middle of the first key of a row.
    place = text.index('"label"', len(text) * 2 // 3) + 4
    number = text[:place].count('{"lab') - 1
    path.write_text(text[:place])
    for chunk_bytes in (1000, 1 << 23):
        with pytest.raises(PredictionError, match=f"prediction {number}: .*column {place + 1}: the text ends"):
            read_predictions(path, skip_invalid=True, chunk_bytes=chunk_bytes)


def damaged(source: random.Random) -> str:
    """Return the text of a file with rows of all kinds, some videos of it twice; or of one in which all is well."""
    videos = []
    odds = source.choice([0, 0.02, 0.3])
    odd_values: list[object] = [None, NAN, "", "x", True, 3, [2, 1], [1, 1], [1], [NAN, 2], ["1", "2"], {}, 10**400]
    for number in range(source.randrange(1, 6)):
        rows = []
        for _ in range(source.randrange(12)):
            row = {"label": source.choice(["wave", "jump"]), "score": source.random(), "segment": [1, 2.5]}
            if source.random() < odds:
                row[source.choice(["label", "score", "segment", "more"])] = source.choice(odd_values)
            text = json.dumps(row)
            rows.append(text[:-1] + ', "score": 1}' if source.random() < odds / 9 else text)
        entry = "7" if source.random() < odds / 3 else f"[{', '.join(rows)}]"
        video_id = source.choice(["a", "b", "../c"]) if source.random() < odds else f"v{number}"
        videos.append(f'"{video_id}": {entry}')
    return f'{{"results": {{{", ".join(videos)}}}}}'


@pytest.mark.parametrize("names", [None, ["wave", "jump"]])
def test_bulk_and_row_by_row_reading_agree_on_damaged_files(
    path: Path, names: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = random.Random(7)
    outcomes: Counter[str] = Counter()
    for _ in range(150):
        path.write_text(damaged(source))
        rows_at_once, chunk_bytes = source.choice([1, 3, 100]), source.choice([7, 200, 1 << 20])
        results = []
        for is_bulk in (True, False):
            with monkeypatch.context() as patch:
                patch.setattr(prediction_reader, "_ROWS_AT_ONCE", rows_at_once if is_bulk else 1000)
                if not is_bulk:
                    patch.setattr(prediction_reader, "are_valid", lambda *_: False)
                size = chunk_bytes if is_bulk else 1 << 20
                results.append(contents(read_predictions(path, names, skip_invalid=True, chunk_bytes=size)))
                try:
                    results.append(contents(read_predictions(path, names, chunk_bytes=size)))
                except PredictionError as failure:
                    results.append([str(failure)])
        assert results[:2] == results[2:]
        # What is refused is what would be left out, but for repeated videos without rows.
        assert not results[0][2] or len(results[1]) == 1
        outcomes["refused" if len(results[1]) == 1 else "read"] += 1
    assert min(outcomes.values()) > 20


def test_what_is_kept_and_left_out_makes_up_the_file(path: Path) -> None:
    source = random.Random(8)
    for _ in range(50):
        videos = {f"v{n}": [prediction(score=source.choice([0.5, NAN])) for _ in range(9)] for n in range(4)}
        found = read_predictions(write(path, videos), skip_invalid=True, chunk_bytes=100)
        kept = sum(len(one.scores) for one in found.detections.values())
        assert kept + sum(found.skipped.values()) == 36


def test_progress_goes_up_to_the_size_of_the_file(path: Path) -> None:
    write(path, {f"v{n}": [prediction()] * 5 for n in range(20)})
    seen: list[tuple[int, int]] = []
    read_predictions(path, chunk_bytes=512, on_progress=lambda done, total: seen.append((done, total)))
    size = path.stat().st_size
    assert [done for done, _ in seen] == [*range(512, size, 512), size]
    assert {total for _, total in seen} == {size}


def test_a_byte_order_mark_does_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + write(path, {"é": [prediction()]}).read_bytes())
    assert list(read_predictions(path).detections) == ["é"]
