"""Which videos of a folder of results are done, so that a command that was interrupted goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from aher_lightning.errors import PredictionError
from aher_lightning.json_files import read_json_object, write_json

SETTINGS_FILE = ".localize.json"
"""What the results of a folder were made with; they are not mixed with those of anything else."""


class FinishedVideos:
    """The videos whose results are in a folder.

    Args:
        folder: Folder of results; made when needed.
        settings: What decides about the results, plain values: weights, and options that change detections.
        overwrite: Whether to replace what is there, whatever it was made with.

    Raises:
        PredictionError: If results in the folder were made with other settings, and must not be replaced.
    """

    def __init__(self, folder: Path, settings: Mapping[str, object], *, overwrite: bool = False) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self.overwrite = overwrite
        self._path = folder / SETTINGS_FILE
        self._is_noted = False
        if self._path.is_file() and not overwrite:
            self._check()

    def has(self, files: Collection[Path]) -> bool:
        """Tell whether a video is done.

        Args:
            files: All files of its results.

        Returns:
            True if they are there, and are not to be replaced.
        """
        return not self.overwrite and self._path.is_file() and all(path.is_file() for path in files)

    def note_settings(self, replaced: Iterable[Path] = ()) -> None:
        """Write down what results are made with; to be called before the first of them is written.

        Args:
            replaced: Files of results that are about to be made anew. Those that are there are removed, lest they pass
                for results of these settings if the command is interrupted.

        Raises:
            PredictionError: If the folder cannot be written to.
        """
        if not self._is_noted:
            for path in replaced:
                path.unlink(missing_ok=True)
            write_json(self._path, self.settings, PredictionError)
            self._is_noted = True

    def _check(self) -> None:
        """Refuse a folder whose results were made in another way, or nobody knows how."""
        try:
            noted = read_json_object(self._path, PredictionError)
        except PredictionError:
            raise PredictionError(
                f"{self._path}: is damaged, so how the results beside it were made is not known; choose another "
                "--output, or add --overwrite to replace them"
            ) from None
        differing = [name for name, value in self.settings.items() if noted.get(name) != value]
        if differing:
            raise PredictionError(
                f"{self.folder}: its results were made with another {' and '.join(differing)}; choose another "
                "--output, or add --overwrite to replace them"
            )
