from __future__ import annotations

import json
from pathlib import Path

import pytest

from aher_lightning.errors import ContractError, DataError
from aher_lightning.features.published_manifest import PublishedManifest, parse_durations
from aher_lightning.files.json_files import MalformedError
from aher_lightning.video.contract import TemporalContract
from tests.helpers.published import CONTRACT, write_manifest

DOCUMENT = Path(__file__).parents[2] / "docs" / "features.md"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_manifest(tmp_path, "npz", prefix="v_", suffix="_rgb", key="feats", layout="CT")
    manifest = PublishedManifest.read(tmp_path)
    assert manifest.contract == TemporalContract(fps=10.0)
    assert (manifest.format, manifest.layout, manifest.channels) == ("npz", "CT", 3)
    assert (manifest.prefix, manifest.suffix, manifest.key) == ("v_", "_rgb", "feats")
    assert manifest.durations_sec == {"a": 17.0, "b": 17.0}


def test_a_missing_manifest_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"features\.json: no such file; write one that describes .* such as {.*}; see docs"
    ) as caught:
        PublishedManifest.read(tmp_path)
    message = str(caught.value)
    example = message[message.index("{") : message.rindex("}") + 1]
    (tmp_path / "features.json").write_text(example, encoding="utf-8")
    assert PublishedManifest.read(tmp_path).contract.first_centre_sec == 8 / 25


@pytest.mark.parametrize(
    ("kind", "changes", "match"),
    [
        ("npy", {"layout": None, "channels": None}, "lacks layout, channels"),
        ("npy", {"fps": 3}, "has unknown fps"),
        ("csv", {"header": None}, "lacks header"),
        ("csv", {"header": 1}, "header must be true or false, but is 1"),
        ("npy", {"version": 2}, "has version 2; only version 1 is supported"),
        ("npy", {"key": "x"}, "has key, which is not used by format 'npy'"),
        ("npz", {"header": True}, "has header, which is not used by format 'npz'"),
        ("pkl", {}, "format must be one of npy, npz, pt, csv, hdf5, but is 'pkl'"),
        ("npy", {"format": ["npy"]}, r"format must be one of .*, but is \['npy'\]"),
        ("npy", {"layout": "NC"}, "layout must be one of TC, CT, but is 'NC'"),
        ("npy", {"channels": 0}, "channels must be a positive integer, but is 0"),
        ("npy", {"channels": True}, "channels must be a positive integer, but is True"),
        ("npy", {"resampled_to": 0}, "resampled_to must be a positive integer, but is 0"),
        ("npy", {"prefix": "../"}, r"prefix must be text without path separators, but is '\.\./'"),
        ("npy", {"suffix": "\\x"}, "suffix must be text without path separators"),
        ("npy", {"prefix": "a\n"}, "prefix must be text without path separators"),
        ("npy", {"prefix": 3}, "prefix must be text without path separators, but is 3"),
        ("hdf5", {"file": "../f.h5"}, "file must be text without path separators"),
        ("hdf5", {"file": ".."}, "lacks 'file', the name of the HDF5 file"),
        ("hdf5", {"file": None}, "lacks 'file', the name of the HDF5 file"),
        ("npy", {"contract": []}, "contract must be an object"),
        (
            "npy",
            {"contract": {"fps": 10.0, "clip_length": 16}},
            "the contract lacks snippet_stride, first_centre_frame",
        ),
        ("npy", {"durations_sec": {"../a": 1.0}}, r"video id '\.\./a' is no plain file name"),
        ("npy", {"durations_sec": {"a": 0}}, "the duration of 'a' must be positive, but is 0"),
    ],
)
def test_what_makes_no_sense_gets_one_line(tmp_path: Path, kind: str, changes: dict[str, object], match: str) -> None:
    write_manifest(tmp_path, kind, **changes)
    with pytest.raises(DataError, match=match) as caught:
        PublishedManifest.read(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "features.json"))
    assert "\n" not in str(caught.value)


def test_a_contract_that_makes_no_sense_names_the_file(tmp_path: Path) -> None:
    write_manifest(tmp_path, "npy", contract=CONTRACT | {"fps": -1.0})
    with pytest.raises(ContractError, match=r"features\.json: fps must be positive"):
        PublishedManifest.read(tmp_path)
    write_manifest(tmp_path, "npy", contract=CONTRACT | {"window": 3})
    with pytest.raises(ContractError, match=r"features\.json: the temporal contract has unknown window"):
        PublishedManifest.read(tmp_path)


def test_durations_are_positive_numbers_by_id() -> None:
    assert parse_durations({}) == {}
    with pytest.raises(MalformedError, match="durations must be an object"):
        parse_durations([1.0])
    with pytest.raises(MalformedError, match="the duration of 'a' must be a number, but is a JSON string"):
        parse_durations({"a": "12"})


def test_the_examples_of_the_documents_are_manifests(tmp_path: Path) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    examples = [block.split("```")[0] for block in text.split("```json\n")[1:]]
    read = []
    for example in examples:
        assert isinstance(json.loads(example), dict)
        (tmp_path / "features.json").write_text(example, encoding="utf-8")
        read.append(PublishedManifest.read(tmp_path))
    assert [manifest.format for manifest in read] == ["npy", "npy", "csv", "csv", "hdf5"]
    thumos, activitynet = read[:2]
    # Frame 8 of 30 per second, then every fourth; 15 frames per second in clips of 16 without overlap.
    assert (thumos.contract.first_centre_sec, thumos.contract.step_sec) == pytest.approx((8 / 30, 4 / 30))
    assert (activitynet.contract.first_centre_sec, activitynet.contract.step_sec) == pytest.approx((8 / 15, 16 / 15))
