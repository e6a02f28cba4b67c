"""``aher export``: a trained module as ONNX, or as safetensors for sharing, here or on the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from aher_lightning.checkpoints.added_categories import FEATURE_BANK_KEY
from aher_lightning.checkpoints.content import STATE_KEY
from aher_lightning.checkpoints.hub import HubModel, parse_name, upload
from aher_lightning.checkpoints.pretrained_folder import FEATURE_BANK_FILE, FILES, read_trained, write_pretrained
from aher_lightning.console import counted, output_console
from aher_lightning.errors import ConfigError, require_extra
from aher_lightning.files.json_files import read_json_object
from aher_lightning.inference.onnx_export import OPSET, export_onnx
from aher_lightning.inference.rebuild import load_module
from aher_lightning.models.bank_content import read_bank


def export(
    checkpoint: Path,
    output: Path,
    *,
    format: Literal["onnx", "safetensors"],  # noqa: A002 - the name of the option
    feature_bank: bool = True,
    scores: Path | None = None,
    push: str | None = None,
    overwrite: bool = False,
    trust_plugins: bool = False,
) -> Path:
    """Write a trained module as a folder.

    Args:
        checkpoint: File written by ``aher fit`` or ``aher add-category``, an exported folder, or ``hf://user/model``.
        output: Folder to make.
        format: onnx: two graphs and a description, for any runtime. safetensors: everything that this package needs, in
            a layout that model hubs know, and nothing that could run code.
        feature_bank: Whether a folder to share includes the feature bank, the moments and background that categories
            added later learn against.
        scores: For the model card of a folder to share, the ``metrics.json`` of ``aher test``.
        push: Upload the folder to share to this repository of the hub, ``user/model``; a new one is private.
        overwrite: Replace a folder that an export like this has written.
        trust_plugins: Whether the checkpoint may name classes outside this package, whose code runs then.

    Raises:
        AherError: If the checkpoint cannot be used or expressed, a package is missing, or the folder cannot be written
            or uploaded.
    """
    if format == "onnx" and (push is not None or scores is not None):
        raise ConfigError("--push and --scores belong to --format safetensors, the folder to share; leave them out")
    target = None if push is None else _parse_target(push)
    if output.resolve() == checkpoint.resolve():
        raise ConfigError(f"{output}: is the checkpoint itself; name another folder")
    # Rebuilt for either format, so that nothing is shared that cannot be loaded.
    module = load_module(checkpoint, trust_plugins=trust_plugins)
    if format == "onnx":
        export_onnx(module, output, overwrite=overwrite)
        output_console().print(f"{output}: backbone.onnx and localizer.onnx written, opset {OPSET}", markup=False)
    else:
        write_pretrained(
            output,
            read_trained(checkpoint),
            with_feature_bank=feature_bank,
            overwrite=overwrite,
            scores=None if scores is None else _read_scores(scores),
            place=None if target is None else str(target),
        )
        size = sum(path.stat().st_size for path in output.iterdir())
        output_console().print(f"{output}: written, {size / 2**20:.1f} MiB; {_describe_bank(output)}", markup=False)
    if target is not None:
        output_console().print(f"{target}: uploaded, {upload(output, target.repository, FILES)}", markup=False)
    return output


def _parse_target(push: str) -> HubModel:
    """The repository to upload to, before any work is done."""
    target = parse_name(push)
    if target.revision is not None:
        raise ConfigError(f"--push {push}: uploads make the newest revision; leave @{target.revision} out")
    require_extra("hub", "--push")
    return target


def _read_scores(path: Path) -> Mapping[str, float | None]:
    """The scores that ``aher test`` wrote."""
    scores: dict[str, float | None] = {}
    for name, value in read_json_object(path, ConfigError).items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"{path}: '{name}' is no number; give the metrics.json of 'aher test'")
        scores[name] = value
    return scores


def _describe_bank(folder: Path) -> str:
    """What the feature bank of a folder holds, or what is lost without it."""
    path = folder / FEATURE_BANK_FILE
    if not path.exists():
        return (
            "without a feature bank: adding categories to it needs --negatives, and they cannot be taught in background"
        )
    moments, videos = read_bank(read_trained(folder)[STATE_KEY][FEATURE_BANK_KEY])
    return (
        f"of these {path.stat().st_size / 2**20:.1f} MiB are features of {counted(len(moments.labels), 'moment')} and "
        f"{counted(len(videos.labels), 'video')}, for adding categories (--feature-bank=false leaves them out)"
    )
