"""Writing of annotations in the layout of ActivityNet, which training and evaluation read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aher_lightning.annotations.activitynet import AnnotatedVideo
from aher_lightning.errors import AnnotationError
from aher_lightning.files.json_files import write_json


def write_activitynet(path: Path, videos: Iterable[AnnotatedVideo]) -> None:
    """Write annotations atomically and without rounding.

    :func:`~aher_lightning.annotations.activitynet.read_activitynet` gives back the same videos.

    Args:
        path: File to write or to replace.
        videos: The videos; one whose duration is not known is written without.

    Raises:
        AnnotationError: If the file cannot be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from aher_lightning.annotations.activitynet import Instance
        >>> with TemporaryDirectory() as folder:
        ...     video = AnnotatedVideo("v1", "training", 60.0, (Instance("jump", 1.5, 4.0),))
        ...     write_activitynet(Path(folder, "a.json"), [video])
        ...     print(Path(folder, "a.json").read_text()[13:])
        {"v1": {"subset": "training", "duration": 60.0, "annotations": [{"label": "jump", "segment": [1.5, 4.0]}]}}}
        <BLANKLINE>
    """
    database = {}
    for video in videos:
        duration = {"duration": video.duration_sec} if video.has_duration else {}
        entries = [{"label": label, "segment": [start, end]} for label, start, end in video.instances]
        database[video.video_id] = {"subset": video.subset, **duration, "annotations": entries}
    write_json(path, {"database": database}, AnnotationError)
