"""One way to read annotations in any layout: the file itself tells which one it has."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from aher_lightning.annotations.activitynet import (
    AnnotatedVideo,
    InvalidPolicy,
    MissingDurationPolicy,
    read_activitynet,
)
from aher_lightning.annotations.csv_table import read_csv_annotations
from aher_lightning.annotations.thumos14 import Thumos14Subset, read_thumos14
from aher_lightning.errors import AnnotationError

AnnotationLayout = Literal["activitynet", "table", "thumos14"]
"""ActivityNet's JSON, a table with a heading, or the annotation folder of THUMOS14."""

_ENDINGS: dict[str, AnnotationLayout] = {".json": "activitynet", ".csv": "table", ".tsv": "table"}

_BEGINNING_BYTES = 1024
"""How much of a file with another ending is looked at."""


def annotation_layout(path: Path) -> AnnotationLayout:
    """Tell the layout of annotations: that of a folder, of the ending of a file, or else of its first character.

    JSON begins with a bracket; a file with another ending that does not is taken for a table. A file that is not
    there, or cannot be opened, is taken for JSON, whose reader says what is wrong.

    Args:
        path: File or folder.

    Returns:
        The layout that it should be read as.

    Example:
        >>> annotation_layout(Path("truth.CSV"))
        'table'
    """
    if path.is_dir():
        return "thumos14"
    by_ending = _ENDINGS.get(path.suffix.lower())
    if by_ending is not None:
        return by_ending
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError:
        return "activitynet"
    return "table" if beginning and beginning[:1] not in b"{[" else "activitynet"


def read_annotations(
    path: Path,
    *,
    subset: str,
    on_invalid: InvalidPolicy = "error",
    on_missing_duration: MissingDurationPolicy = "error",
) -> dict[str, AnnotatedVideo]:
    """Return the videos of an annotation file or folder, whichever layout it has.

    Args:
        path: File in ActivityNet layout, table (:func:`~aher_lightning.annotations.csv_table.read_csv_annotations`),
            or annotation folder of THUMOS14, of which ambiguous instances are read as well.
        subset: The subset that is wanted. Of a folder no other one is read; the videos of a table without a column
            ``subset`` belong to it; a file is read whole.
        on_invalid: What to do with instances whose end is not after their start.
        on_missing_duration: What to do with videos without a duration.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If it is missing or cannot be used, or a folder has no such subset.
    """
    layout = annotation_layout(path)
    if layout == "table":
        return read_csv_annotations(path, subset=subset, on_invalid=on_invalid, on_missing_duration=on_missing_duration)
    if layout == "activitynet":
        return read_activitynet(path, on_invalid=on_invalid, on_missing_duration=on_missing_duration)
    subsets: tuple[Thumos14Subset, ...] = get_args(Thumos14Subset)
    for known in subsets:
        if known == subset:
            return read_thumos14(path, known, with_ambiguous=True, on_invalid=on_invalid)
    names = " or ".join(map(repr, subsets))
    raise AnnotationError(f"{path}: is a folder, where THUMOS14 has {names}, but no subset {subset!r}")
