"""Models on a hub: downloaded by name, uploaded as one commit; everything that talks to it is in this file."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import NamedTuple

from aher_lightning import __version__
from aher_lightning.checkpoints.card import LIBRARY
from aher_lightning.errors import CheckpointError, first_cause, require_extra

SCHEME = "hf:"
"""How the name of a model on the hub begins; behind it, paths have one slash where their users write two."""

_NAME = re.compile(r"(?:hf:/{1,2})?([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)

_LOG_IN = "log in by 'hf auth login', or set HF_TOKEN"


class HubModel(NamedTuple):
    """A model on the hub; as text, the name that commands take.

    Attributes:
        repository: Its user and name, ``user/model``.
        revision: Branch, tag or commit; ``None`` for the newest state.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        """Return ``hf://user/model@revision``."""
        return f"{SCHEME}//{self.repository}" + (f"@{self.revision}" if self.revision else "")


def is_on_hub(path: Path) -> bool:
    """Tell whether a path names a model on the hub, such as ``hf://user/model``."""
    return path.parts[:1] == (SCHEME,)


def parse_name(name: str) -> HubModel:
    """Read the name of a model, with or without ``hf://``.

    Args:
        name: ``hf://user/model``, perhaps with ``@revision``; one slash after the colon will do.

    Raises:
        CheckpointError: If it is no such name.

    Example:
        >>> parse_name("hf://ann/gestures@v1")
        HubModel(repository='ann/gestures', revision='v1')
    """
    found = _NAME.fullmatch(name)
    if found is None or ".." in name:
        raise CheckpointError(f"{name}: names no model on the hub; write hf://USER/MODEL, or hf://USER/MODEL@REVISION")
    return HubModel(found[1], found[2])


@cache
def download(model: HubModel, files: tuple[str, ...]) -> Path:
    """Return the folder with the files of a model, downloaded unless an earlier download is complete.

    Without a connection, an earlier download is used. The process asks once for each model, so that all that reads it
    sees the same state. The files are as untrusted as those of any other folder.

    Args:
        model: The model.
        files: Names of the files to download; those that it lacks are left out.

    Raises:
        CheckpointError: If the repository or the revision does not exist, access is refused, or the hub cannot be
            reached; one line with the remedy.
        ConfigError: If the extra is missing.
    """
    require_extra("hub", str(model))
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            model.repository,
            revision=model.revision,
            allow_patterns=list(files),
            library_name=LIBRARY,
            library_version=__version__,
        )
    except Exception as error:  # its HTTP client, whose errors it passes on, is another one in every major version
        raise CheckpointError(f"{model}: {_why_not_downloaded(error)}") from error
    return Path(folder)


def _why_not_downloaded(error: Exception) -> str:
    """Why a download failed, and the remedy."""
    from huggingface_hub import errors

    if isinstance(error, errors.RevisionNotFoundError):
        return "has no such revision; name a branch, a tag or a commit of it, or leave it out"
    if isinstance(error, errors.GatedRepoError):
        return f"your account has no access yet; request it on the page of the repository, and {_LOG_IN}"
    if isinstance(error, errors.RepositoryNotFoundError) or _status(error) in {401, 403}:
        return f"does not exist, or is private and you may not read it; correct the name, or {_LOG_IN}"
    if isinstance(error, errors.HFValidationError):
        return "is no name that a repository can have; write hf://USER/MODEL"
    return (
        f"cannot be downloaded ({_reason(error)}), and no earlier download is complete; connect and try again, or "
        "download the folder elsewhere and give its path"
    )


def upload(folder: Path, repository: str, files: Collection[str]) -> str:
    """Make a folder the content of a repository, in one commit: readers see all of it or nothing.

    A repository that does not exist is created as a private one. Files of an earlier upload that the folder no longer
    has are removed; all others stay.

    Args:
        folder: The folder.
        repository: ``user/model``.
        files: Names of the files that such folders may have; others are not uploaded.

    Returns:
        Address of the commit.

    Raises:
        CheckpointError: If the hub refuses it or cannot be reached; the repository is unchanged then.
        ConfigError: If the extra is missing.
    """
    require_extra("hub", str(HubModel(repository)))
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi(library_name=LIBRARY, library_version=__version__)
    here = [name for name in files if (folder / name).is_file()]
    try:
        api.create_repo(repository, private=True, exist_ok=True)
        old = [name for name in api.list_repo_files(repository) if name in files and name not in here]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationDelete(path_in_repo=name) for name in old),
            *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in here),
        ]
        message = f"Export of {LIBRARY} {__version__}"
        return str(api.create_commit(repository, operations, commit_message=message).commit_url)
    except Exception as error:  # as above
        raise CheckpointError(
            f"{HubModel(repository)}: {_why_not_uploaded(error)}; nothing was uploaded, and {folder} is complete"
        ) from error


def _why_not_uploaded(error: Exception) -> str:
    """Why an upload failed, and the remedy."""
    from huggingface_hub import errors

    if _status(error) == 401:
        return f"needs a valid token; {_LOG_IN} to one with write permission"
    if _status(error) == 403 or isinstance(error, errors.RepositoryNotFoundError):
        return "your token has no write permission there; name a repository of your own, or use another token"
    if isinstance(error, errors.HFValidationError):
        return "is no name that a repository can have; give --push USER/MODEL"
    return f"cannot be uploaded ({_reason(error)}); connect and export again with --overwrite"


def _status(error: Exception) -> object:
    """HTTP status of an error, or of the one that it was raised from; ``None`` without an answer."""
    return getattr(getattr(first_cause(error), "response", None), "status_code", None)


def _reason(error: Exception) -> str:
    """What went wrong, shortened to one line."""
    return f"{' '.join(str(first_cause(error)).split()):.100}"
