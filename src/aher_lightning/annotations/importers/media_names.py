"""Video ids from the paths and URLs in annotation files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.files.json_files import MalformedError

_UPLOAD_HASH = re.compile(r"(?<=/)[0-9a-f]{8}-(?=[^/]+$)")
"""What Label Studio puts before the name of an uploaded file."""


def media_name(address: str) -> str:
    """Return the file name, perhaps empty, at the end of a path or of a ``file:`` or ``http:`` URL.

    Separators are slashes and, for files from Windows, backslashes. Two kinds of local URLs of Label Studio are
    supported: the path in the query of ``/data/local-files/?d=``, and the hash before the name of a file under
    ``/data/upload/``.

    Example:
        >>> media_name("file:///D:/my%20videos/v%201.mp4")
        'v 1.mp4'
        >>> media_name("/data/local-files/?d=raw/v1.mp4"), media_name("/data/upload/3/0d93a737-v1.mp4")
        ('v1.mp4', 'v1.mp4')
    """
    if "://" not in address and not address.startswith(("/data/", "file:")):
        return _last_part(address)
    try:
        parts = urlsplit(address)
    except ValueError:
        raise MalformedError(f"{address!r:.80} is not a valid URL") from None
    path = unquote(parts.path)
    if path.endswith("/local-files/"):
        path = parse_qs(parts.query).get("d", [""])[0]
    elif "/upload/" in path:
        path = _UPLOAD_HASH.sub("", path)
    return _last_part(path)


def video_id_of(address: str) -> str:
    """Return the id of the video at a path or URL: its file name without extension.

    Raises:
        MalformedError: If there is no file name, or an unsafe one.

    Example:
        >>> video_id_of("./takes/v1.final.mp4")
        'v1.final'
    """
    return validate_video_id(PurePosixPath(media_name(address)).stem, MalformedError)


def _last_part(path: str) -> str:
    """Part of a path after its last separator."""
    return path.replace("\\", "/").rpartition("/")[2]
