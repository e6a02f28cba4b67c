"""Manifest of third-party features, written by the user: layout, names and temporal contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import ContractError, DataError
from aher_lightning.files.json_files import MalformedError, finite_number, read_json_object
from aher_lightning.video.contract import TemporalContract

MANIFEST_NAME = "features.json"
"""Manifest of third-party features; stores of this package have a ``manifest.json`` instead."""

_Layout = Literal["TC", "CT"]
"""Axes of an array: ``(T, C)`` or ``(C, T)``."""

_Format = Literal["npy", "npz", "pt", "csv", "hdf5"]
"""File format of the arrays."""

_TIMES = ("fps", "clip_length", "snippet_stride", "first_centre_frames")
_REQUIRED = ("version", "format", "layout", "channels", "contract")
_OPTIONAL = ("prefix", "suffix", "key", "header", "file", "durations_sec", "resampled_to")
_VERSION = 1

_EXAMPLE = (
    '{"version": 1, "format": "npy", "layout": "TC", "channels": 2048, "contract": '
    '{"fps": 25, "clip_length": 16, "snippet_stride": 4, "first_centre_frames": 8}}'
)
"""A minimal manifest."""


@dataclass(frozen=True)
class PublishedManifest:
    """The content of ``features.json``.

    Args:
        format: File format of the arrays.
        layout: Axes of the arrays.
        channels: Size C of a feature vector, the same for all videos.
        contract: Temporal contract of the features. Its fields about time are required; the others default to those
            of the contract.
        prefix: Prefix of the video id in the name of its file or dataset, such as ``v_``.
        suffix: Suffix of the id, before the extension of the file.
        key: Name of the array within an ``.npz`` or ``.pt`` file, or of the dataset within an HDF5 group.
        header: Whether the first line of a CSV file names its columns.
        file: Name of the HDF5 file.
        durations_sec: Seconds by video id; empty if the store reads them from an annotation file.
        resampled_to: Number of snippets that every video was resampled to, whatever its duration; they are the
            means of as many equal parts of it. ``None`` if snippets are spaced as in the contract.
    """

    format: _Format
    layout: _Layout
    channels: int
    contract: TemporalContract
    prefix: str = ""
    suffix: str = ""
    key: str = ""
    header: bool = False
    file: str = ""
    durations_sec: Mapping[str, float] = field(default_factory=dict)
    resampled_to: int | None = None

    @classmethod
    def read(cls, root: Path) -> PublishedManifest:
        """Return the valid manifest of a folder of features.

        Raises:
            DataError: If there is none, or it is damaged.
            ContractError: If its temporal contract is invalid.
        """
        path = root / MANIFEST_NAME
        if not path.is_file():
            raise DataError(
                f"{path}: no such file; write one that describes the features, such as {_EXAMPLE}; see docs/features.md"
            )
        content = read_json_object(path, DataError)
        try:
            return _parse(content)
        except MalformedError as failure:
            raise DataError(f"{path}: {failure}; see docs/features.md") from None
        except ContractError as failure:
            raise ContractError(f"{path}: {failure}") from None


def parse_durations(values: object) -> dict[str, float]:
    """Check parsed JSON of seconds by video id.

    Raises:
        MalformedError: If it is no object, an id is no plain file name, or a duration is not positive.

    Example:
        >>> parse_durations({"v_a": 12})
        {'v_a': 12.0}
    """
    if not isinstance(values, dict):
        raise MalformedError("durations must be an object of seconds by video id")
    durations = {}
    for video_id, value in values.items():
        seconds = finite_number(value, f"the duration of {validate_video_id(video_id, MalformedError)!r:.80}")
        if seconds <= 0:
            raise MalformedError(f"the duration of {video_id!r:.80} must be positive, but is {seconds}")
        durations[video_id] = seconds
    return durations


def _parse(content: Mapping[str, object]) -> PublishedManifest:
    """Check the content of a manifest file."""
    _check_fields(content)
    manifest = PublishedManifest(
        format=cast("_Format", _choice(content, "format", get_args(_Format))),
        layout=cast("_Layout", _choice(content, "layout", get_args(_Layout))),
        channels=_positive(content, "channels"),
        contract=_contract(content["contract"]),
        prefix=_name(content, "prefix"),
        suffix=_name(content, "suffix"),
        key=_name(content, "key", inner="/"),
        header=_flag(content, "header"),
        file=_name(content, "file"),
        durations_sec=parse_durations(content.get("durations_sec", {})),
        resampled_to=_positive(content, "resampled_to") if "resampled_to" in content else None,
    )
    if manifest.format == "hdf5" and manifest.file in {"", ".", ".."}:
        raise MalformedError("lacks 'file', the name of the HDF5 file")
    return manifest


def _check_fields(content: Mapping[str, object]) -> None:
    """Refuse fields that are missing, unknown, or not used by the format."""
    missing = [name for name in _REQUIRED if name not in content]
    missing += ["header"] if content.get("format") == "csv" and "header" not in content else []
    unknown = sorted(content.keys() - {*_REQUIRED, *_OPTIONAL})
    if missing or unknown:
        raise MalformedError(f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"[:200])
    if content["version"] != _VERSION:
        raise MalformedError(f"has version {content['version']!r:.20}; only version {_VERSION} is supported")
    used = {"key": ("npz", "pt", "hdf5"), "header": ("csv",), "file": ("hdf5",)}
    idle = [name for name, formats in used.items() if name in content and content["format"] not in formats]
    if idle:
        raise MalformedError(f"has {', '.join(idle)}, which is not used by format {content['format']!r:.20}")


def _contract(values: object) -> TemporalContract:
    """The contract; its times are required, the rest may be unknown."""
    if not isinstance(values, dict):
        raise MalformedError("contract must be an object")
    missing = [name for name in _TIMES if name not in values]
    if missing:
        raise MalformedError(f"the contract lacks {', '.join(missing)}")
    return TemporalContract.from_dict(TemporalContract(fps=1.0).to_dict() | values)


def _choice(content: Mapping[str, object], name: str, choices: tuple[str, ...]) -> str:
    """One of several words."""
    value = content[name]
    if not isinstance(value, str) or value not in choices:
        raise MalformedError(f"{name} must be one of {', '.join(choices)}, but is {value!r:.40}")
    return value


def _positive(content: Mapping[str, object], name: str) -> int:
    """A positive integer."""
    value = content[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise MalformedError(f"{name} must be a positive integer, but is {value!r:.40}")
    return value


def _flag(content: Mapping[str, object], name: str) -> bool:
    """A boolean; false if it is missing."""
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise MalformedError(f"{name} must be true or false, but is {value!r:.40}")
    return value


def _name(content: Mapping[str, object], name: str, inner: str = "") -> str:
    """Text that is safe as a part of a file name; empty if it is missing."""
    value = content.get(name, "")
    if not isinstance(value, str) or not value.isprintable() or any(mark in value.replace(inner, "") for mark in "/\\"):
        raise MalformedError(f"{name} must be text without path separators, but is {value!r:.80}")
    return value
