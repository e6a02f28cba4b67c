from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Literal, get_args

import pytest

from aher_lightning.annotations.importers.collector import ImportedFile, ImportOptions, no_video
from aher_lightning.annotations.importers.tool_files import ToolName, merge_files, read_tool_file
from aher_lightning.errors import AherError, AnnotationError
from tests.helpers.annotation_tools import CVAT, ELAN, LABEL_STUDIO, TEXTS, VIA, segments, some_video

OPTIONS = ImportOptions(fps=10, find_video=some_video)
TOOLS: list[ToolName] = list(get_args(ToolName))


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("tool", TOOLS)
def test_the_content_tells_the_tool_whatever_the_name(tmp_path: Path, tool: ToolName) -> None:
    plain = read_tool_file(write(tmp_path / "x.txt", TEXTS[tool]), options=OPTIONS)
    marked = read_tool_file(write(tmp_path / "x.eaf", "\ufeff" + TEXTS[tool]), options=OPTIONS)
    named = read_tool_file(tmp_path / "x.txt", tool, OPTIONS)
    assert plain == marked == named
    assert any(segments(plain).values())


@pytest.mark.parametrize("tool", TOOLS)
def test_a_file_of_another_tool_is_refused(tmp_path: Path, tool: ToolName) -> None:
    for other in TOOLS:
        if other != tool:
            with pytest.raises(
                AnnotationError, match=f"x: is not a file of {tool}; give --format with one of elan, via"
            ):
                read_tool_file(write(tmp_path / "x", TEXTS[other]), tool, OPTIONS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is neither XML nor JSON; give --format with one of elan, via, cvat, label-studio"),
        ("video,start,end\n", "is neither XML nor JSON"),
        ("<html/>", "is not a file of a supported tool"),
        ('{"_via_settings": {}}', "is not a file of a supported tool"),
        ("[]", "is not a file of a supported tool"),
        (json.dumps({**VIA, "data": {}, "annotations": []}), "could be of via or label-studio"),
        ('{"database": {}}', "is already in ActivityNet layout"),
        (ELAN[:300], "x: is not valid XML (line"),
        (json.dumps(VIA)[:300], "x: is not valid JSON (line 1"),
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ("[" * 100_000, "is not usable JSON"),
        (f"[{'9' * 5000}]", "x: is"),
        (b"\x00\xff\x00", "is neither XML nor JSON"),
        (b"[\xff]", "is not UTF-8 text"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + ELAN.split("?>")[1], "has a document type declaration"),
        (CVAT.encode("utf-16"), "is not valid XML"),
    ],
)
def test_what_is_of_no_tool_or_damaged_is_refused_in_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(AnnotationError, match=re.escape(message)) as failure:
        read_tool_file(write(tmp_path / "x", text), options=OPTIONS)
    assert "\n" not in str(failure.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="nowhere: no such file"):
        read_tool_file(tmp_path / "nowhere")
    with pytest.raises(AnnotationError, match=r"cannot be read .*; give a readable file"):
        read_tool_file(tmp_path)


def test_a_video_of_unknown_duration_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="x: video 'kitchen 1' has no duration; give --videos"):
        read_tool_file(write(tmp_path / "x", ELAN), options=ImportOptions(find_video=no_video))


def test_files_are_merged_in_order_and_a_video_may_be_in_one_only(tmp_path: Path) -> None:
    found: list[tuple[Path, ImportedFile]] = [
        (path, read_tool_file(path, options=OPTIONS))
        for path in (write(tmp_path / tool, TEXTS[tool]) for tool in TOOLS)
    ]
    assert list(merge_files(found)) == ["kitchen 1", "via_a", "via_b", "cvat_a", "ls_a", "ls_b"]
    with pytest.raises(AnnotationError, match=r"elan: video 'kitchen 1' is also in .*elan; rename one"):
        merge_files([*found, found[0]])
    assert merge_files([]) == {}


_PIECES = [
    "",
    "-1",
    "nan",
    "1e999",
    "null",
    "[]",
    "{}",
    '"',
    "<",
    ">",
    "&x;",
    "\x00",
    "\ud7ff",
    "9" * 400,
    "true",
    "/../",
]


def _mutate(text: str, draw: random.Random) -> str:
    """The text with a few pieces of it cut out, moved, or replaced by something nasty."""
    for _ in range(draw.randint(1, 3)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice([0, 1, 2, 5, 40]))
        kind = draw.random()
        if kind < 0.1:
            text = text[:start]
        elif kind < 0.3:
            numbers = list(re.finditer(r"-?\d+(\.\d+)?", text))
            chosen = draw.choice(numbers) if numbers else None
            text = text if chosen is None else text[: chosen.start()] + draw.choice(_PIECES) + text[chosen.end() :]
        elif kind < 0.5:
            text = text[:start] + text[end : end + 30] + text[start:]
        else:
            text = text[:start] + draw.choice(_PIECES) + text[end:]
    return text


def _replace_values(value: object, draw: random.Random) -> object:
    """A JSON value of which some parts are replaced by those of another type."""
    if draw.random() < 0.03:
        return draw.choice([None, True, -1, 1e308, float("nan"), "", "x", [], {}, [None], {"a": 1}, 10**400])
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if draw.random() > 0.01}
        return {key: _replace_values(one, draw) for key, one in kept.items()}
    if isinstance(value, list):
        return [_replace_values(one, draw) for one in value]
    return value


def _outcome(path: Path, tool: ToolName | Literal["auto"]) -> ImportedFile | str:
    """What a file holds, or why it is refused; any other error is one of the reader."""
    try:
        return read_tool_file(path, tool, OPTIONS)
    except AherError as failure:
        return str(failure)


@pytest.mark.parametrize("tool", TOOLS)
def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path, tool: ToolName) -> None:
    draw = random.Random(tool)
    documents = {"via": VIA, "label-studio": LABEL_STUDIO}
    refused = 0
    for number in range(200):
        text = _mutate(TEXTS[tool], draw)
        if tool in documents and number % 2:
            text = json.dumps(_replace_values(documents[tool], draw))
        path = write(tmp_path / "x", text)
        found = _outcome(path, draw.choice(["auto", tool]))
        if isinstance(found, str):
            refused += 1
            assert found.startswith(f"{path}: ")
            assert len(found.splitlines()) == 1
        else:
            assert all(one.end_sec > one.start_sec for video in found.videos for one in video.instances)
    assert 20 < refused < 200
