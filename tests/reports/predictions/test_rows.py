from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pytest

from aher_lightning.files.json_stream import RepeatedKeys
from aher_lightning.reports.predictions.rows import InvalidRowError, LabelTable, are_valid, check_row, convert_rows

ODD_VALUES: list[object] = [
    None, True, False, "", "wave", "bow", "0.5", 0.0, -1.0, 2.0, float("nan"), float("inf"), -float("inf"), 1e308,
    [], [1.0], [1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0, 3.0], [1.0, float("nan")], [-float("inf"), 0.0],
    ["1", "2"], [True, 2.0], [None, None], [[1.0], 2.0], {}, {"start": 1.0},
]  # fmt: skip


def row(label: object = "wave", score: object = 0.5, segment: object = (1.0, 2.0)) -> dict[str, object]:
    return {"label": label, "score": score, "segment": list(segment) if isinstance(segment, tuple) else segment}


def is_valid(entry: object, labels: LabelTable) -> bool:
    try:
        check_row(entry, labels)
    except InvalidRowError:
        return False
    return True


def is_valid_by_the_rules(entry: object, names: list[str] | None) -> bool:
    """Say the rules once more, in other words."""

    def is_number(value: object) -> bool:
        return isinstance(value, float) and abs(value) < float("inf")

    if type(entry) is not dict or not {"label", "score", "segment"} <= set(entry):
        return False
    label, score, segment = entry["label"], entry["score"], entry["segment"]
    is_label = isinstance(label, str) and label != "" and (names is None or label in names)
    is_segment = isinstance(segment, list) and len(segment) == 2 and all(map(is_number, segment))
    return is_label and is_segment and segment[0] <= segment[1] and is_number(score)


def random_entry(source: random.Random) -> object:
    """Return a row, in most cases in order."""
    entry = row(source.choice(["wave", "jump"]), source.random(), (source.random(), 1 + source.random()))
    change = source.randrange(30)
    if change == 0:
        return source.choice(ODD_VALUES)
    if change == 1:
        del entry[source.choice(list(entry))]
    elif change == 2:
        return RepeatedKeys([*entry.items(), (source.choice(list(entry)), source.choice(ODD_VALUES))])
    elif change == 3:
        entry["extra"] = source.choice(ODD_VALUES)
    elif change < 8:
        entry[source.choice(list(entry))] = source.choice(ODD_VALUES)
    return entry


@pytest.mark.parametrize("names", [None, ["wave", "jump"], ["jump", "wave", ""]])
def test_many_rows_at_once_pass_if_and_only_if_each_of_them_does(names: list[str] | None) -> None:
    source = random.Random(11)
    verdicts: Counter[bool] = Counter()
    for _ in range(1500):
        entries = [random_entry(source) for _ in range(source.randrange(6))]
        labels = LabelTable(names)
        one_by_one = [is_valid(entry, labels) for entry in entries]
        assert one_by_one == [is_valid_by_the_rules(entry, names) for entry in entries]
        assert are_valid(entries, labels) == all(one_by_one)
        assert labels.names == (names or [])
        verdicts[all(one_by_one)] += 1
    assert min(verdicts.values()) > 300


@pytest.mark.parametrize("key", ["label", "score", "segment", "extra"])
@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
@pytest.mark.parametrize("names", [None, ["wave", ""]])
def test_every_odd_value_in_every_place_gets_one_verdict(key: str, value: object, names: list[str] | None) -> None:
    entry = row() | {key: value}
    verdict = is_valid(entry, LabelTable(names))
    assert are_valid([row(), entry], LabelTable(names)) == verdict
    assert is_valid_by_the_rules(entry, names) == verdict
    if verdict:
        assert convert_rows([entry], LabelTable(names)).segments.shape == (1, 2)


@pytest.mark.parametrize(
    ("entry", "reason", "message"),
    [
        (3.0, "row is not an object", "row is not an object (JSON number)"),
        (RepeatedKeys([("label", "a"), ("label", "b")]), "a key occurs twice", "the key 'label' occurs twice"),
        ({}, "label is not a name", "label is not a name (missing)"),
        (row(label=None), "label is not a name", "label is not a name (JSON null)"),
        (row(label=""), "label is not a name", "label is not a name (empty)"),
        (row("bow"), "unknown label", "label 'bow' is not among the 2 known categories"),
        (row("b\now"), "unknown label", "label 'b\\now' is not among the 2 known categories"),
        (row(score="0.5"), "score is not a number", "score is not a number (JSON string)"),
        (row(score=True), "score is not a number", "score is not a number (JSON boolean)"),
        ({"label": "wave", "segment": [1.0, 2.0]}, "score is not a number", "score is not a number (missing)"),
        (row(score=float("nan")), "score is not finite", "score is not finite (nan)"),
        (row(segment="1-2"), "segment is not [start, end]", "segment is not [start, end] (JSON string)"),
        (row(segment=[2.0]), "segment is not [start, end]", "segment is not [start, end] ([number])"),
        (
            row(segment=[1.0, "2", None, 4.0]),
            "segment is not [start, end]",
            "segment is not [start, end] ([number, string, null, ...])",
        ),
        (row(segment=[0.0, float("inf")]), "segment is not finite", "segment is not finite ([0.0, inf])"),
        (row(segment=[2.0, 1.5]), "segment ends before it starts", "segment ends before it starts ([2.0, 1.5])"),
    ],
)
def test_the_reason_is_short_and_the_message_exact(entry: object, reason: str, message: str) -> None:
    with pytest.raises(InvalidRowError) as caught:
        check_row(entry, LabelTable(["wave", "jump"]))
    assert caught.value.reason == reason
    assert str(caught.value) == message
    assert str(caught.value.within("prediction 3")) == f"prediction 3: {message}"
    assert caught.value.within("prediction 3").reason == reason


def test_segments_of_zero_seconds_are_valid() -> None:
    entries = [row(segment=[2.0, 2.0]), row(segment=[-1.0, -1.0])]
    assert are_valid(entries, LabelTable())
    check_row(entries[0], LabelTable())


def test_rows_become_arrays_to_the_last_bit() -> None:
    entries = json.loads(json.dumps([row("jump", 0.1 + 0.2, (1e-300, 3.0)), row("wave", -0.0)]))
    rows = convert_rows(entries, LabelTable(["wave", "jump"]))
    assert rows.scores.tolist() == [0.1 + 0.2, -0.0]
    assert rows.segments.tolist() == [[1e-300, 3.0], [1.0, 2.0]]
    assert rows.labels.tolist() == [1, 0]
    assert [column.dtype for column in rows] == [np.float64, np.float64, np.int64]


def test_no_rows_have_the_shapes_of_some() -> None:
    assert are_valid([], LabelTable(["wave"]))
    assert [column.shape for column in convert_rows([], LabelTable())] == [(0, 2), (0,), (0,)]


def test_names_that_are_given_stay_those_that_are_known() -> None:
    labels = LabelTable(["wave", "jump"])
    assert labels.indices(["jump", "wave"]) == [1, 0]
    assert labels.knows("jump")
    assert not labels.knows("bow")
    growing = LabelTable()
    assert growing.knows("bow")
    assert growing.names == []
    assert growing.indices(["bow", "wave", "bow"]) == [0, 1, 0]
    assert growing.names == ["bow", "wave"]
