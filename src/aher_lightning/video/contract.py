"""The temporal contract: everything that determines which pixels, at which times, a feature vector comes from."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from aher_lightning.errors import ContractError
from aher_lightning.structures import IMAGENET_MEAN, IMAGENET_STD

ChannelTriple = tuple[float, float, float]
"""One number per colour channel: red, green, blue."""

STANDARD: Mapping[str, object] = {
    "clip_length": 16,
    "snippet_stride": 8,
    "first_centre_frames": 8.0,
    "resize": 182,
    "crop": 160,
    "mean": IMAGENET_MEAN,
    "std": IMAGENET_STD,
}
"""Values of the fields that neither the user nor the backbone chooses."""

_UNSAID: Any = None
"""What a field is until somebody chooses it; so the command line knows what the user has left to the backbone."""

PROVENANCE = ("backbone", "backbone_options", "weights_sha256", "reader", "reader_version")
"""Fields that say what computed the features; the others say from which pixels, and when."""

GRID = ("snippet_stride", "first_centre_frames")
"""Fields that place snippets in time; they change no single snippet, so that a network of single snippets fits any."""


@dataclass(frozen=True)
class TemporalContract:
    """How a video becomes snippets, and what computed their features.

    Fields that are not given get the values of :data:`STANDARD`; the command line fills them from the backbone first.

    Frames are taken at ``(i + 0.5) / fps`` seconds after the first frame. Snippet ``k`` consists of ``clip_length``
    such frames around the centre ``(k * snippet_stride + first_centre_frames) / fps`` seconds. Every feature store and
    every checkpoint carries its contract; two that differ are refused, since the features would be silently wrong.

    Args:
        fps: Grid frames per second, independent of the frame rate of the file.
        clip_length: Grid frames behind one feature vector.
        snippet_stride: Grid frames from one snippet to the next.
        first_centre_frames: Centre of the first snippet in grid frames; less than half the clip length if the first
            clip starts before the video.
        resize: Shorter side in pixels before cropping.
        crop: Side of the central square in pixels.
        mean: Subtracted from RGB values in ``[0, 1]``.
        std: Divides the result.
        backbone: Name of the network that computed the features; empty before extraction.
        backbone_options: Its options that are not at their defaults, see
            :attr:`~aher_lightning.models.base.Backbone.feature_options`; empty if unknown, as in contracts of earlier
            versions, which fit any options.
        weights_sha256: Fingerprint of its weights; empty before extraction.
        reader: Name of the video reader that decoded the frames; empty if any will do.
        reader_version: Version of that reader.

    Raises:
        ContractError: If a value is invalid, such as a crop larger than the picture.

    Example:
        >>> contract = TemporalContract(fps=10.0)
        >>> contract.first_centre_sec, contract.step_sec
        (0.8, 0.8)
    """

    fps: float = _UNSAID
    clip_length: int = _UNSAID
    snippet_stride: int = _UNSAID
    first_centre_frames: float = _UNSAID
    resize: int = _UNSAID
    crop: int = _UNSAID
    mean: ChannelTriple = _UNSAID
    std: ChannelTriple = _UNSAID
    backbone: str = ""
    backbone_options: str = ""
    weights_sha256: str = ""
    reader: str = ""
    reader_version: str = ""

    def __post_init__(self) -> None:
        for name, value in STANDARD.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        # A contract read from JSON or YAML must equal the original: no lists, no int for float.
        for name in ("mean", "std"):
            object.__setattr__(self, name, _triple(getattr(self, name), name))
        for name in ("fps", "first_centre_frames"):
            object.__setattr__(self, name, _number(getattr(self, name), name))
        for name in ("clip_length", "snippet_stride", "resize", "crop"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ContractError(f"{name} must be a positive integer, but is {value!r}; correct it")
        if self.fps <= 0:
            raise ContractError(f"fps must be positive, but is {self.fps!r}; give grid frames per second")
        if self.crop > self.resize:
            raise ContractError(f"crop {self.crop} is larger than resize {self.resize}; crop at most the shorter side")
        if min(self.std) <= 0:
            raise ContractError(f"std must be positive, but is {self.std}; give one positive number per channel")

    @property
    def first_centre_sec(self) -> float:
        """Centre of the first snippet in seconds after the first frame."""
        return self.first_centre_frames / self.fps

    @property
    def step_sec(self) -> float:
        """Distance of neighbouring snippet centres in seconds."""
        return self.snippet_stride / self.fps

    def to_dict(self) -> dict[str, object]:
        """Return the fields as plain values for JSON, with lists for tuples."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> TemporalContract:
        """Rebuild a contract from :meth:`to_dict`; ContractError if a field is missing, unknown or mistyped.

        ``backbone_options`` may be missing, as earlier versions had no such field.
        """
        kinds = {field.name: str(field.type) for field in fields(cls)}
        values = {"backbone_options": "", **values}
        given = {name for name, value in values.items() if value is not None or name not in {"fps", *STANDARD}}
        missing, unknown = sorted(kinds.keys() - given), sorted(values.keys() - kinds.keys())
        if missing or unknown:
            wrong = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
            raise ContractError(f"the temporal contract {wrong}; write it with this version of the package")
        for name, kind in kinds.items():
            if kind == "str" and not isinstance(values[name], str):
                raise ContractError(
                    f"{name} of the temporal contract must be text, but is {values[name]!r}; correct it"
                )
        return cls(**values)  # type: ignore[arg-type]  # the constructor checks the values

    def differences(self, other: TemporalContract, ignore: Collection[str] = ()) -> list[str]:
        """Return the names of the fields that differ in another contract, without those to ignore.

        Options of a backbone do not differ from unknown ones.

        Raises:
            ValueError: If ``ignore`` names a field that does not exist.

        Example:
            >>> TemporalContract(fps=10.0).differences(TemporalContract(fps=25.0, crop=112), ignore=PROVENANCE)
            ['fps', 'crop']
        """
        names = [field.name for field in fields(self)]
        if not set(ignore) <= set(names):
            raise ValueError(f"no such fields of a temporal contract: {sorted(set(ignore) - set(names))}")
        unknown = () if self.backbone_options and other.backbone_options else ("backbone_options",)
        return [
            name for name in names if name not in (*ignore, *unknown) and getattr(self, name) != getattr(other, name)
        ]

    def check_compatible(
        self,
        other: TemporalContract,
        ignore: Collection[str] = (),
        *,
        where: tuple[str, str] = ("here", "there"),
        remedy: str = "use the settings of the features or the checkpoint, or extract again",
    ) -> None:
        """Refuse a contract that differs from this one in other fields than those to ignore.

        Args:
            other: The contract to compare with.
            ignore: Names of fields that may differ.
            where: What has this contract and what has the other one, for the message.
            remedy: What to do about a difference, for the message.

        Raises:
            ContractError: Names each differing field with both values.
            ValueError: If ``ignore`` names a field that does not exist.

        Example:
            >>> TemporalContract(fps=10.0).check_compatible(TemporalContract(fps=25.0))
            Traceback (most recent call last):
            aher_lightning.errors.ContractError: the temporal contracts differ: fps is 10.0 here and 25.0 there; ...
        """
        here, there = where
        told = [
            f"{name} is {getattr(self, name)!r} {here} and {getattr(other, name)!r} {there}"
            for name in self.differences(other, ignore)
        ]
        if told:
            raise ContractError(f"the temporal contracts differ: {'; '.join(told)}; {remedy}")


def _number(value: object, name: str) -> float:
    """Return a finite number as float."""
    if value is None:
        raise ContractError(f"the temporal contract has no {name}; give it, such as contract: {{{name}: 10}}")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ContractError(f"{name} must be a finite number, but is {value!r}; correct it")
    return float(value)


def _triple(values: object, name: str) -> ChannelTriple:
    """Return three finite numbers as a tuple of floats."""
    if not isinstance(values, (list, tuple)) or len(values) != 3:
        raise ContractError(f"{name} must be three numbers, one per channel, but is {values!r}; correct it")
    red, green, blue = (_number(value, name) for value in values)
    return red, green, blue
