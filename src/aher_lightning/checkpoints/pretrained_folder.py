"""Trained modules as folders to share: tensors as safetensors, the rest as JSON, no executable content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.card import model_card
from aher_lightning.checkpoints.content import STATE_KEY, is_own_checkpoint, read_checkpoint
from aher_lightning.checkpoints.hub import download, is_on_hub, parse_name
from aher_lightning.checkpoints.validation import validate_trained
from aher_lightning.errors import CheckpointError
from aher_lightning.files.atomic import atomic_folder, write_text
from aher_lightning.files.json_files import read_json_object, write_json

CONFIG_FILE = "config.json"
"""Our entry of the checkpoint."""

WEIGHTS_FILE = "model.safetensors"
"""Weights, by the names of the module's state dict."""

FEATURE_BANK_FILE = "feature_bank.safetensors"
"""Feature bank, what categories added later learn against; optional."""

CARD_FILE = "README.md"
"""The model card."""

FILES = (CONFIG_FILE, WEIGHTS_FILE, FEATURE_BANK_FILE, CARD_FILE)
"""All files of such a folder."""

FORMAT = 1
"""Version of the layout; incompatible changes increase it."""

_REMEDY = "export it again by 'aher export --format safetensors'"


def write_pretrained(
    folder: Path,
    checkpoint: Mapping[str, Any],
    *,
    with_feature_bank: bool = True,
    overwrite: bool = False,
    scores: Mapping[str, float | None] | None = None,
    place: str | None = None,
) -> None:
    """Write a trained module as a folder, atomically.

    The names of the files are those that the Hugging Face Hub expects.

    Args:
        folder: Folder to make.
        checkpoint: What :func:`read_trained` returned.
        with_feature_bank: Whether to include the feature bank; without it, ``aher add-category`` needs clips of old
            categories.
        overwrite: Whether to replace an earlier export; a folder with other files is never replaced.
        scores: For the model card, by name; ``None`` where one is undefined.
        place: Where the card says that the model is, such as ``hf://user/model``.

    Raises:
        CheckpointError: If the folder exists or cannot be written.
    """
    state = _without_paths({key: value for key, value in checkpoint[STATE_KEY].items() if key != FEATURE_BANK_KEY})
    with atomic_folder(folder, CheckpointError, replaces=FILES if overwrite else ()) as partial:
        write_json(partial / CONFIG_FILE, {"format": FORMAT, **state}, CheckpointError, indent=1)
        # safetensors refuses views and tensors that share memory.
        weights = {name: value.contiguous().clone() for name, value in checkpoint["state_dict"].items()}
        _save(weights, partial / WEIGHTS_FILE)
        bank = checkpoint[STATE_KEY].get(FEATURE_BANK_KEY)
        if with_feature_bank and bank is not None:
            _save({name: values.contiguous().clone() for name, values in bank.items()}, partial / FEATURE_BANK_FILE)
        write_text(partial / CARD_FILE, model_card(state, folder.name, place=place, scores=scores), CheckpointError)


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    """Write tensors with the file mode of the folder's other files."""
    from safetensors.torch import save_file

    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod((path.parent / CONFIG_FILE).stat().st_mode)


def read_trained(path: Path) -> dict[str, Any]:
    """Read a trained module from a checkpoint, or from a folder to share, here or on the hub.

    Args:
        path: File of ``aher fit``, folder of ``aher export --format safetensors``, or ``hf://user/model``.

    Returns:
        A checkpoint; one read from a folder cannot resume training.

    Raises:
        CheckpointError: If it is missing, damaged, or holds anything but tensors and plain values of the right kinds.
    """
    path = locate(path)
    checkpoint = _read_folder(path) if path.is_dir() else read_checkpoint(path)
    validate_trained(checkpoint, path)
    return checkpoint


def is_own(path: Path) -> bool:
    """Tell whether a checkpoint or a folder was written by this package.

    Args:
        path: File, folder, or ``hf://user/model``.

    Returns:
        False for a file of weights that others published.

    Raises:
        CheckpointError: If a file is missing, damaged, or holds anything but tensors and plain values.
    """
    path = locate(path)
    return path.is_dir() or is_own_checkpoint(path)


def locate(path: Path) -> Path:
    """Return where a checkpoint is on this machine; a model on the hub is downloaded first.

    Args:
        path: File, folder, or ``hf://user/model``.

    Raises:
        CheckpointError: If the hub has no such model, or cannot be reached.
        ConfigError: If the extra for it is missing.
    """
    return download(parse_name(path.as_posix()), FILES) if is_on_hub(path) else path


def _read_folder(folder: Path) -> dict[str, Any]:
    """A checkpoint as :func:`write_pretrained` wrote it."""
    if not (folder / CONFIG_FILE).is_file():
        raise CheckpointError(f"{folder}: has no {CONFIG_FILE}, so it is no exported model; {_REMEDY}")
    state = read_json_object(folder / CONFIG_FILE, CheckpointError)
    if state.pop("format", None) != FORMAT:
        raise CheckpointError(f"{folder / CONFIG_FILE}: has another layout than number {FORMAT}; {_REMEDY}")
    weights = _read_tensors(folder / WEIGHTS_FILE)
    if (folder / FEATURE_BANK_FILE).exists():
        state[FEATURE_BANK_KEY] = _read_tensors(folder / FEATURE_BANK_FILE)
    return {"state_dict": weights, STATE_KEY: state}


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise CheckpointError(f"{path}: is missing; {_REMEDY}")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path}: is damaged ({reason:.100}); {_REMEDY}") from None


def _without_paths(state: dict[str, Any]) -> dict[str, Any]:
    """Our entry without the paths of initial weights, which mean nothing on another machine."""
    configuration = state["configuration"] or {}
    arguments = configuration.get("init_args", {})
    if "initial_weights" not in arguments:
        return state
    return {**state, "configuration": {**configuration, "init_args": {**arguments, "initial_weights": []}}}
