"""A stand-in for the part of torchcodec that the package uses, for machines where torchcodec cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
import torch
from torch import Tensor


class FakeVideoDecoder:
    """``torchcodec.decoders.VideoDecoder`` as documented, by PyAV: numbered frames in the order of display, upright."""

    def __init__(
        self,
        source: str | Path,
        *,
        stream_index: int | None = None,
        dimension_order: str = "NCHW",
        num_ffmpeg_threads: int = 1,
        seek_mode: str = "exact",
    ) -> None:
        assert (dimension_order, num_ffmpeg_threads, seek_mode) == ("NHWC", 1, "exact")
        assert stream_index is not None
        with av.open(str(source)) as container:
            stream = container.streams[stream_index]
            assert isinstance(stream, av.VideoStream)
            self.frames = list(container.decode(stream))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < len(self):
            raise IndexError(number)
        frame = self.frames[number]
        picture = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
        return torch.from_numpy(picture.copy())


def install_fake(monkeypatch: pytest.MonkeyPatch, decoder: type[FakeVideoDecoder] = FakeVideoDecoder) -> None:
    """Let ``torchcodec.decoders.VideoDecoder`` be that decoder until the end of the test."""
    decoders = ModuleType("torchcodec.decoders")
    decoders.VideoDecoder = decoder  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchcodec", ModuleType("torchcodec"))
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", decoders)


def why_torchcodec_is_absent() -> str:
    """Return why the real torchcodec cannot be loaded; empty if it can."""
    try:
        import torchcodec.decoders  # noqa: F401
    except (ImportError, OSError, RuntimeError) as failure:
        return f"torchcodec: {str(failure).strip().splitlines()[0]}"
    return ""
