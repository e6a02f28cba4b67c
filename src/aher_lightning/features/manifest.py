"""Contents of a feature store: one manifest, and the entries that writers have added since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.records import validate_video_id
from aher_lightning.errors import ContractError, DataError
from aher_lightning.features.claims import exclusive
from aher_lightning.files.atomic import create_text, write_text
from aher_lightning.files.json_files import MalformedError, finite_number, read_json_object
from aher_lightning.video.contract import TemporalContract

_VERSION = 1
_DTYPES = ("float16", "float32")


class StoredVideo(NamedTuple):
    """Manifest record of the features of one video.

    Attributes:
        num_snippets: Snippets N.
        num_channels: Size C of a feature vector.
        dtype: ``float16`` or ``float32``.
        duration_sec: Duration of the video in seconds.
        sha256: Checksum of the file.
    """

    num_snippets: int
    num_channels: int
    dtype: str
    duration_sec: float
    sha256: str


class FeatureManifest:
    """The contract and the contents of the feature store in a folder.

    A writer adds one entry file per video, so processes on any number of nodes never write the same file.
    :meth:`merge` collects entries into ``manifest.json``; entries that are not merged yet are valid too.

    Args:
        root: Folder of the store.

    Raises:
        DataError: If the folder holds no manifest, or a damaged one.
        ContractError: If its temporal contract is invalid.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "manifest.json"
        if not self.path.is_file():
            raise DataError(f"{root}: no feature store (no manifest.json); create one with 'aher extract'")
        self._state = (0, 0, 0)
        self.contract, self._known = self._load()

    @classmethod
    def create(cls, root: Path, contract: TemporalContract) -> FeatureManifest:
        """Open the manifest of a folder, or create an empty one.

        Raises:
            ContractError: If the existing one has another contract.
            DataError: If the folder cannot be written or the manifest is damaged.
        """
        path = root / "manifest.json"
        if not path.exists():
            # Never replaces a manifest that a faster process has created and filled meanwhile.
            create_text(path, _json(_content(contract, {})), DataError)
        manifest = cls(root)
        contract.check_compatible(
            manifest.contract, where=("now", f"in {root}"), remedy="write the features into another folder"
        )
        return manifest

    def videos(self) -> dict[str, StoredVideo]:
        """Return the current records by video id.

        Raises:
            DataError: If the manifest or an entry is damaged.
        """
        # Entries first: one that is merged in between is still found in the manifest.
        entries = {path.stem: entry for path in self._entry_paths() if (entry := _read_entry(path)) is not None}
        return self._load()[1] | entries

    def add(self, video_id: str, video: StoredVideo) -> None:
        """Record the features of a video, whose file must exist already.

        Raises:
            DataError: If the entry cannot be written.
        """
        write_text(self._entry_path(video_id), _json(video._asdict()), DataError)

    def find(self, video_id: str) -> StoredVideo | None:
        """Return the current record of one video, if there is one, with as little reading as possible.

        Raises:
            DataError: If the manifest or the entry is damaged.
        """
        path = self._entry_path(video_id)
        # The entry first, for the same reason as in `videos`.
        entry = _read_entry(path) if path.exists() else None
        return entry or self._merged().get(video_id)

    def merge(self, patience_sec: float = 0.0) -> bool:
        """Merge all entries into the manifest; return False while another process does.

        Args:
            patience_sec: How long to wait for another process.

        Raises:
            DataError: If the manifest or an entry is damaged, or cannot be written.
        """
        with exclusive(self.root / "manifest.lock", patience_sec) as is_ours:
            if not is_ours:
                return False
            paths = self._entry_paths()
            videos = self.videos()
            write_text(self.path, _json(_content(self.contract, videos), indent=1), DataError)
            for path in paths:
                if _read_entry(path) == videos.get(path.stem):  # else rewritten meanwhile: for the next merge
                    path.unlink(missing_ok=True)
            return True

    def _load(self) -> tuple[TemporalContract, dict[str, StoredVideo]]:
        """Read the manifest file."""
        content = read_json_object(self.path, DataError)
        contract, videos = content.get("contract"), content.get("videos")
        if content.get("version") != _VERSION or not isinstance(contract, dict) or not isinstance(videos, dict):
            raise DataError(
                f"{self.path}: is not a manifest of a feature store (version {_VERSION}, contract, videos); "
                "extract again"
            )
        try:
            parsed = {validate_video_id(video_id, MalformedError): _parse(video) for video_id, video in videos.items()}
            return TemporalContract.from_dict(contract), parsed
        except MalformedError as failure:
            raise DataError(f"{self.path}: is damaged ({failure}); extract again") from None
        except ContractError as failure:
            raise ContractError(f"{self.path}: {failure}") from None

    def _merged(self) -> dict[str, StoredVideo]:
        """Records of the manifest file, read again only if it has changed."""
        status = self.path.stat()
        state = (status.st_ino, status.st_mtime_ns, status.st_size)
        if state != self._state:
            self._known = self._load()[1]
            self._state = state
        return self._known

    def _entry_path(self, video_id: str) -> Path:
        """Entry file of a video."""
        return self.root / "entries" / f"{video_id}.json"

    def _entry_paths(self) -> list[Path]:
        """Entry files that are not merged yet."""
        return sorted((self.root / "entries").glob("*.json"))


def _content(contract: TemporalContract, videos: Mapping[str, StoredVideo]) -> dict[str, object]:
    """Content of the manifest file."""
    listed = {video_id: videos[video_id]._asdict() for video_id in sorted(videos)}
    return {"version": _VERSION, "contract": contract.to_dict(), "videos": listed}


def _json(value: object, indent: int | None = None) -> str:
    """The text of a JSON file."""
    return json.dumps(value, indent=indent, allow_nan=False) + "\n"


def _read_entry(path: Path) -> StoredVideo | None:
    """Read an entry file; ``None`` if it has been merged since it was listed."""
    try:
        validate_video_id(path.stem, MalformedError)
        return _parse(read_json_object(path, DataError))
    except MalformedError as failure:
        raise DataError(f"{path}: is damaged ({failure}); delete it and extract the video again") from None
    except DataError:
        # Checked only now: a file may exist when checked first, and be gone when read.
        if path.exists():
            raise
        return None


def _parse(value: object) -> StoredVideo:
    """Check one record."""
    if not isinstance(value, dict) or value.keys() != set(StoredVideo._fields):
        raise MalformedError(f"a video must have {', '.join(StoredVideo._fields)}")
    snippets, channels = value["num_snippets"], value["num_channels"]
    if not all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in (snippets, channels)):
        raise MalformedError(f"num_snippets and num_channels must be positive, but are {snippets} and {channels}")
    duration_sec = finite_number(value["duration_sec"], "duration_sec")
    if duration_sec <= 0:
        raise MalformedError(f"duration_sec must be positive, but is {duration_sec}")
    if value["dtype"] not in _DTYPES or not isinstance(value["sha256"], str):
        raise MalformedError(f"dtype must be one of {', '.join(_DTYPES)} and sha256 text")
    return StoredVideo(snippets, channels, value["dtype"], duration_sec, value["sha256"])
