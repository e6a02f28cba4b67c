from __future__ import annotations

import pytest

from aher_lightning.annotations.importers.media_names import media_name, video_id_of
from aher_lightning.files.json_files import MalformedError


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("v1.mp4", "v1.mp4"),
        ("./takes/v1.mp4", "v1.mp4"),
        ("C:\\takes\\100%25.mp4", "100%25.mp4"),
        ("file:///C:/takes/v%20%C3%A9.mp4", "v é.mp4"),
        ("file:/takes/v1.mp4", "v1.mp4"),
        ("https://example.org/a/v1.webm?token=b/c#d", "v1.webm"),
        ("s3://bucket/a/v1.mp4", "v1.mp4"),
        ("/data/upload/3/0d93a737-v1.mp4", "v1.mp4"),
        ("http://host/data/upload/0d93a737-0d93a737-v1.mp4", "0d93a737-v1.mp4"),
        ("takes/0d93a737-v1.mp4", "0d93a737-v1.mp4"),
        ("/data/local-files/?d=a%20b/v1.mp4", "v1.mp4"),
        ("/data/local-files/", ""),
        ("", ""),
    ],
)
def test_the_file_name_is_what_follows_the_last_separator(address: str, name: str) -> None:
    assert media_name(address) == name


def test_the_id_is_the_name_without_its_last_ending() -> None:
    assert video_id_of("a/v1.final.mp4") == "v1.final"
    assert video_id_of("v1") == "v1"


@pytest.mark.parametrize("address", ["", "..", "a/..", "https://example.org/", "a/\x07.mp4", "x" * 300, "http://[x"])
def test_what_is_no_safe_name_is_refused(address: str) -> None:
    with pytest.raises(MalformedError, match=r"is no plain file name|is not a valid URL"):
        video_id_of(address)
