from __future__ import annotations

import pytest

from aher_lightning.errors import VideoError
from aher_lightning.video import encoders
from aher_lightning.video.encoders import choose_encoder


def test_an_encoder_is_found() -> None:
    assert choose_encoder() in {"libx264", "libopenh264"}


def test_a_missing_encoder_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_NAMES", ("no such encoder",))
    with pytest.raises(VideoError, match=r"no H\.264 encoder"):
        choose_encoder()
