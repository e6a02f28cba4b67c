"""The list of contents of a feature store: one manifest, and what writers have added to it since."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from aher_lightning.annotations.activitynet import validate_video_id
from aher_lightning.errors import ContractError, DataError
from aher_lightning.features.claims import exclusive
from aher_lightning.files.json_files import MalformedError, finite_number, read_json_object
from aher_lightning.files.owners import create_whole, write_whole
from aher_lightning.video.contract import TemporalContract

_VERSION = 1
DTYPES = ("float16", "float32")
"""Precisions in which features are stored."""


class StoredVideo(NamedTuple):
    """What the manifest says about the features of one video.

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

    A writer adds an entry file of its own per video, so processes on any number of nodes never touch the
    same file. :meth:`merge` collects entries into ``manifest.json``; what is not merged yet is valid too.

    Args:
        root: Folder of the store.

    Raises:
        DataError: If the folder holds no manifest, or a damaged one.
        ContractError: If its temporal contract makes no sense.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "manifest.json"
        if not self.path.is_file():
            raise DataError(f"{root}: no feature store there (no manifest.json); make one with 'aher extract'")
        self._state = (0, 0, 0)
        self.contract, self._known = self._load()

    @classmethod
    def create(cls, root: Path, contract: TemporalContract) -> FeatureManifest:
        """Write an empty manifest, or open the one that is there.

        Args:
            root: Folder of the store; made if missing.
            contract: How the features come about.

        Returns:
            The manifest.

        Raises:
            ContractError: If the one that is there has another contract.
            DataError: If the folder cannot be written or the manifest is damaged.
        """
        path = root / "manifest.json"
        if not path.exists():
            # Never in place of one that a faster process has made and filled meanwhile.
            create_whole(path, _json(_content(contract, {})))
        manifest = cls(root)
        contract.check_compatible(manifest.contract)
        return manifest

    def videos(self) -> dict[str, StoredVideo]:
        """Return what is in the store by video id, as of now.

        Returns:
            One record per video.

        Raises:
            DataError: If the manifest or an entry is damaged.
        """
        # Entries first: one that is merged in between is then found in the manifest.
        entries = {path.stem: entry for path in self._entry_paths() if (entry := _read_entry(path)) is not None}
        return self._load()[1] | entries

    def add(self, video_id: str, video: StoredVideo) -> None:
        """Record the features of a video, which must be in their place already.

        Args:
            video_id: Name of the video.
            video: Facts about its features.

        Raises:
            DataError: If the entry cannot be written.
        """
        write_whole(self._entry_path(video_id), _json(video._asdict()))

    def find(self, video_id: str) -> StoredVideo | None:
        """Return what is recorded about one video as of now, without reading more than must be.

        Args:
            video_id: Name of the video.

        Returns:
            The record, or ``None`` if there is none.

        Raises:
            DataError: If the manifest or the entry is damaged.
        """
        path = self._entry_path(video_id)
        # The entry first, for the same reason as in `videos`.
        entry = _read_entry(path) if path.exists() else None
        return entry or self._merged().get(video_id)

    def merge(self) -> bool:
        """Collect all entries into the manifest; does nothing while another process is at it.

        Returns:
            Whether they are collected.

        Raises:
            DataError: If the manifest or an entry is damaged, or cannot be written.
        """
        with exclusive(self.root / "manifest.lock") as is_ours:
            if not is_ours:
                return False
            paths = self._entry_paths()
            videos = self.videos()
            write_whole(self.path, _json(_content(self.contract, videos), indent=1))
            for path in paths:
                if _read_entry(path) == videos.get(path.stem):  # else written again meanwhile: for the next merge
                    path.unlink(missing_ok=True)
            return True

    def _load(self) -> tuple[TemporalContract, dict[str, StoredVideo]]:
        """Read the manifest file."""
        content = read_json_object(self.path, DataError)
        contract, videos = content.get("contract"), content.get("videos")
        if content.get("version") != _VERSION or not isinstance(contract, dict) or not isinstance(videos, dict):
            raise DataError(
                f"{self.path}: is no manifest of a feature store (version {_VERSION}, contract, videos); extract again"
            )
        try:
            parsed = {validate_video_id(video_id, MalformedError): _parse(video) for video_id, video in videos.items()}
            return TemporalContract.from_dict(contract), parsed
        except MalformedError as failure:
            raise DataError(f"{self.path}: is damaged ({failure}); extract again") from None
        except ContractError as failure:
            raise ContractError(f"{self.path}: {failure}") from None

    def _merged(self) -> dict[str, StoredVideo]:
        """What the manifest file says; read again only if it is another file by now."""
        status = self.path.stat()
        state = (status.st_ino, status.st_mtime_ns, status.st_size)
        if state != self._state:
            self._known = self._load()[1]
            self._state = state
        return self._known

    def _entry_path(self, video_id: str) -> Path:
        """Where a writer records a video."""
        return self.root / "entries" / f"{video_id}.json"

    def _entry_paths(self) -> list[Path]:
        """Entries of all writers that no merge has collected."""
        return sorted((self.root / "entries").glob("*.json"))


def _content(contract: TemporalContract, videos: Mapping[str, StoredVideo]) -> dict[str, object]:
    """What stands in the manifest file."""
    listed = {video_id: videos[video_id]._asdict() for video_id in sorted(videos)}
    return {"version": _VERSION, "contract": contract.to_dict(), "videos": listed}


def _json(value: object, indent: int | None = None) -> str:
    """The text of a JSON file."""
    return json.dumps(value, indent=indent, allow_nan=False) + "\n"


def _read_entry(path: Path) -> StoredVideo | None:
    """Read what a writer recorded about one video; ``None`` if it has been merged since it was listed."""
    try:
        validate_video_id(path.stem, MalformedError)
        return _parse(read_json_object(path, DataError))
    except MalformedError as failure:
        raise DataError(f"{path}: is damaged ({failure}); delete it and extract the video again") from None
    except DataError:
        # Asked only now: whoever asks first may find the file and see it go before it is read.
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
    if value["dtype"] not in DTYPES or not isinstance(value["sha256"], str):
        raise MalformedError(f"dtype must be one of {', '.join(DTYPES)} and sha256 text")
    return StoredVideo(snippets, channels, value["dtype"], duration_sec, value["sha256"])
