import json
from dataclasses import replace
from typing import Any

import pytest

from aher_lightning.errors import ContractError
from aher_lightning.video.contract import GRID, PROVENANCE, STANDARD, TemporalContract

CONTRACT = TemporalContract(
    fps=12.5,
    mean=(0.1, 0.2, 0.3),
    std=(1.0, 2.0, 3.0),
    backbone="P3D",
    backbone_options='{"every": 2}',
    reader="AutoReader",
)


def test_survives_json() -> None:
    restored = TemporalContract.from_dict(json.loads(json.dumps(CONTRACT.to_dict())))
    assert restored == CONTRACT
    assert hash(restored) == hash(CONTRACT)
    assert restored.mean == (0.1, 0.2, 0.3)


def test_integers_for_numbers_make_the_same_contract() -> None:
    loose = TemporalContract(fps=10, first_centre_frames=8, mean=[0, 0, 0])  # type: ignore[arg-type]
    assert loose == TemporalContract(fps=10.0, mean=(0.0, 0.0, 0.0))
    assert isinstance(loose.fps, float)


def test_places_of_snippets_in_seconds() -> None:
    assert CONTRACT.first_centre_sec == pytest.approx(8 / 12.5)
    assert CONTRACT.step_sec == pytest.approx(8 / 12.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fps", 25.0),
        ("clip_length", 8),
        ("snippet_stride", 4),
        ("first_centre_frames", 4.0),
        ("resize", 200),
        ("crop", 112),
        ("mean", (0.0, 0.0, 0.0)),
        ("std", (9.0, 9.0, 9.0)),
        ("backbone", "SmallP3D"),
        ("backbone_options", '{"every": 4}'),
        ("weights_sha256", "abc"),
        ("reader", "PyAVReader"),
        ("reader_version", "18"),
    ],
)
def test_every_difference_is_named_with_both_values(field: str, value: Any) -> None:
    other = replace(CONTRACT, **{field: value})
    with pytest.raises(ContractError) as caught:
        CONTRACT.check_compatible(other)
    message = str(caught.value)
    assert f"{field} is {getattr(CONTRACT, field)!r} here and {value!r} there" in message
    assert "\n" not in message
    CONTRACT.check_compatible(other, ignore=(field,))


def test_equal_contracts_are_compatible_and_unknown_exceptions_are_a_bug() -> None:
    CONTRACT.check_compatible(replace(CONTRACT))
    with pytest.raises(ValueError, match=r"no such fields.*colour"):
        CONTRACT.check_compatible(CONTRACT, ignore=("colour",))


def test_a_difference_says_where_it_is_and_what_to_do() -> None:
    other = replace(CONTRACT, snippet_stride=4, crop=112)
    message = r"differ: snippet_stride is 8 in A and 4 in B; crop is 160 in A and 112 in B; take A$"
    with pytest.raises(ContractError, match=message):
        CONTRACT.check_compatible(other, where=("in A", "in B"), remedy="take A")
    assert CONTRACT.differences(other) == ["snippet_stride", "crop"]
    assert CONTRACT.differences(other, ignore=GRID) == ["crop"]
    assert CONTRACT.differences(replace(CONTRACT, backbone="", reader=""), ignore=PROVENANCE) == []


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"fps": 0.0}, "fps must be positive"),
        ({"fps": float("nan")}, "fps must be a finite number"),
        ({"fps": "25"}, "fps must be a finite number"),
        ({"fps": None}, r"the temporal contract has no fps; give it, such as contract: \{fps: 10\}"),
        ({"clip_length": 0}, "clip_length must be a positive integer"),
        ({"snippet_stride": 2.5}, "snippet_stride must be a positive integer"),
        ({"crop": 200}, "crop 200 is larger than resize 182"),
        ({"std": (1.0, 0.0, 1.0)}, "std must be positive"),
        ({"mean": (1.0, 2.0)}, "mean must be three numbers"),
    ],
)
def test_senseless_values_are_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ContractError, match=match):
        replace(CONTRACT, **changes)


def test_incomplete_or_foreign_dictionaries_are_refused() -> None:
    values = CONTRACT.to_dict()
    with pytest.raises(ContractError, match="lacks crop, fps"):
        TemporalContract.from_dict({name: value for name, value in values.items() if name not in {"crop", "fps"}})
    with pytest.raises(ContractError, match="has unknown shutter"):
        TemporalContract.from_dict({**values, "shutter": 1})
    with pytest.raises(ContractError, match="backbone of the temporal contract must be text"):
        TemporalContract.from_dict({**values, "backbone": None})
    with pytest.raises(ContractError, match="lacks crop"):
        TemporalContract.from_dict({**values, "crop": None})


def test_contracts_of_earlier_versions_fit_any_options_of_the_backbone() -> None:
    values = {name: value for name, value in CONTRACT.to_dict().items() if name != "backbone_options"}
    earlier = TemporalContract.from_dict(values)
    assert earlier.backbone_options == ""
    assert earlier.differences(CONTRACT) == CONTRACT.differences(earlier) == []
    CONTRACT.check_compatible(earlier)


def test_what_nobody_chooses_has_standard_values() -> None:
    contract = TemporalContract(fps=10.0, crop=None)  # type: ignore[arg-type]
    assert {name: getattr(contract, name) for name in STANDARD} == dict(STANDARD)
    assert contract == TemporalContract(fps=10.0)
