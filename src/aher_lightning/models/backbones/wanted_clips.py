"""What a backbone wants of its clips, as fields of the temporal contract."""

from __future__ import annotations

from collections.abc import Mapping

from aher_lightning.errors import ContractError
from aher_lightning.structures import InputSpec

DICTATED = {"clip_length": "frames", "crop": "size", "mean": "mean", "std": "std"}
"""Fields of the temporal contract that a backbone decides if it wants anything, and their names in its wishes."""


def wanted_fields(spec: InputSpec) -> dict[str, object]:
    """Return the fields of the temporal contract that follow from a backbone's wishes.

    Where a backbone wants a number of frames, snippets are half a clip apart and the first starts with the video.

    Example:
        >>> wanted_fields(InputSpec(frames=32, size=224))
        {'clip_length': 32, 'snippet_stride': 16, 'first_centre_frames': 16.0, 'crop': 224}
    """
    halves = (None, None) if spec.frames is None else (max(spec.frames // 2, 1), spec.frames / 2)
    wanted = {
        "fps": spec.fps,
        "clip_length": spec.frames,
        "snippet_stride": halves[0],
        "first_centre_frames": halves[1],
        "resize": spec.resize,
        "crop": spec.size,
        "mean": spec.mean,
        "std": spec.std,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def check_clips(fields: Mapping[str, object], spec: InputSpec, backbone: str) -> None:
    """Refuse clips that a backbone cannot use as it was trained.

    Frame rate, resizing and the places of snippets are free: features are worse at other ones, but not wrong.

    Args:
        fields: Fields of a temporal contract; those that are missing or ``None`` are not chosen.
        spec: What the backbone wants.
        backbone: Its name, for the message.

    Raises:
        ContractError: Names each field with both values.
    """
    wanted = wanted_fields(spec)
    told = [
        f"{name} {_plain(wanted[name])!r} and data.contract says {_plain(fields[name])!r}"
        for name in DICTATED
        if name in wanted and fields.get(name) is not None and _plain(fields[name]) != _plain(wanted[name])
    ]
    if told:
        raise ContractError(f"{backbone} wants {'; '.join(told)}; leave these options out, or choose another backbone")


def _plain(value: object) -> object:
    """Lists for tuples, so that fields of a file compare with those of a record."""
    return [float(part) for part in value] if isinstance(value, (list, tuple)) else value
