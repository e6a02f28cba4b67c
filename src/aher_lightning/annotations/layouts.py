"""Detection of the layout of annotations, and one function that reads any of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from aher_lightning.annotations.activitynet import read_activitynet
from aher_lightning.annotations.csv_annotations import read_csv_annotations
from aher_lightning.annotations.records import AnnotatedVideo, InvalidPolicy, MissingDurationPolicy
from aher_lightning.annotations.thumos14 import Thumos14Subset, read_thumos14
from aher_lightning.errors import AnnotationError

AnnotationLayout = Literal["activitynet", "table", "thumos14"]
"""ActivityNet's JSON, a table with a heading, or the annotation folder of THUMOS14."""

_ENDINGS: dict[str, AnnotationLayout] = {".json": "activitynet", ".csv": "table", ".tsv": "table"}

_BEGINNING_BYTES = 1024
"""How much of a file with an unknown extension is inspected."""


def annotation_layout(path: Path) -> AnnotationLayout:
    """Return the layout of an annotation file or folder, by its extension or else its first character.

    JSON begins with a bracket; a file of unknown extension that does not is a table. A file that is missing or
    unreadable counts as JSON, whose reader reports the error.

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
    """Return the videos of an annotation file or folder of any layout.

    Args:
        path: File in ActivityNet layout, table (:mod:`~aher_lightning.annotations.csv_annotations`),
            or annotation folder of THUMOS14, including its ambiguous instances.
        subset: Wanted subset. Of a folder only this one is read; the videos of a table without a column ``subset``
            belong to it; a file is read whole.
        on_invalid: What to do with instances whose end is not after their start.
        on_missing_duration: What to do with videos without a duration.

    Returns:
        Video by id.

    Raises:
        AnnotationError: If it is missing or invalid, or a folder has no such subset.
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
    raise AnnotationError(
        f"{path}: is a folder of THUMOS14 annotations, which has no subset {subset!r}; choose {names}"
    )
