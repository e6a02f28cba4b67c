"""A trained localizer as two ONNX files and a description, for programs without PyTorch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aher_lightning import __version__
from aher_lightning.errors import CheckpointError, require_extra
from aher_lightning.files.atomic import atomic_folder
from aher_lightning.files.json_files import write_json
from aher_lightning.inference.onnx_graphs import BackboneGraph, LocalizerGraph
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phased import PhasedModule

OPSET = 18
"""Version of the ONNX operators that the files use."""

FILES = ("backbone.onnx", "localizer.onnx")
"""From clips to features, and from features to segments."""

DESCRIPTION_FILE = "config.json"
"""What a program has to know about the two."""

_EXAMPLE_SIZE = 2
"""Batch that the networks are traced with: one would be taken for a constant."""


def export_onnx(module: BaseModule, folder: Path, *, overwrite: bool = False) -> None:
    """Write a localizer as ONNX, as a whole or not at all.

    ``backbone.onnx`` turns normalized clips ``(N, 3, F, H, W)`` into features ``(N, C)``, ``localizer.onnx`` features
    ``(B, C, T)`` into what :class:`~aher_lightning.inference.onnx_graphs.LocalizerGraph` says. N and B are free. The
    categories are those that the module evaluates, added ones included.

    Args:
        module: Trained module, on the CPU.
        folder: Folder to make.
        overwrite: Whether to replace such a folder that is there; one with other files is kept.

    Raises:
        CheckpointError: If the module is no localizer, has networks that ONNX cannot express, or the folder cannot be
            written.
        ConfigError: If the packages for it are not installed.
        ContractError: If the module does not know how frames become snippets.
    """
    require_extra("export", "export to ONNX")
    if not isinstance(module, PhasedModule):
        raise CheckpointError(f"a {type(module).__name__} is no localizer; export a checkpoint of AherModule")
    contract = module.require_contract()
    clips = torch.rand(_EXAMPLE_SIZE, 3, contract.clip_length, contract.crop, contract.crop)
    features = torch.rand(_EXAMPLE_SIZE, module.backbone.out_channels, module.network.length)
    replaces = (*FILES, DESCRIPTION_FILE) if overwrite else ()
    with atomic_folder(folder, CheckpointError, replaces=replaces) as partial, torch.no_grad():
        _export(BackboneGraph(module.backbone), clips, "clips", ["features"], partial / FILES[0])
        graph = LocalizerGraph(module).eval()
        outputs = graph(features)
        _export(graph, features, "features", list(outputs), partial / FILES[1])
        write_json(partial / DESCRIPTION_FILE, describe(module, outputs), CheckpointError, indent=1)


def describe(module: PhasedModule, outputs: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what a program has to know to run the files.

    Args:
        module: The exported module.
        outputs: What its graph returned for some videos.

    Returns:
        Plain values: categories in the order of their labels with where they come from, the temporal contract, sizes.
    """
    contract, added = module.require_contract(), {one.name for one in module.added}
    untrimmed = set(module.categories.untrimmed)
    provenance = {
        name: "untrimmed" if name in untrimmed else "added" if name in added else "moment"
        for name in module.categories.names
    }
    clip_shape = ["N", 3, contract.clip_length, contract.crop, contract.crop]
    channels, length = module.backbone.out_channels, module.network.length
    shapes = {name: ["B", *values.shape[1:]] for name, values in outputs.items()}
    return {
        "version": __version__,
        "opset": OPSET,
        "categories": [{"name": name, "provenance": how} for name, how in provenance.items()],
        "contract": contract.to_dict(),
        "window_sec": module.window_sec,
        "files": {
            FILES[0]: {"inputs": {"clips": clip_shape}, "outputs": {"features": ["N", channels]}},
            FILES[1]: {"inputs": {"features": ["B", channels, length]}, "outputs": shapes},
        },
    }


def _export(graph: nn.Module, example: Tensor, name: str, outputs: Sequence[str], path: Path) -> None:
    """Write one graph, whose first dimension is free, and check it."""
    import onnx

    batch = torch.export.Dim("batch")
    try:
        with _quiet():
            torch.onnx.export(
                graph.eval(),
                (example,),
                path,
                dynamo=True,
                dynamic_shapes=({0: batch},),
                input_names=[name],
                output_names=list(outputs),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        onnx.checker.check_model(path, full_check=True)
        written = onnx.load(path, load_external_data=False)
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path.name}: the network cannot be expressed in ONNX ({reason:.150})") from error
    if not written.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise CheckpointError(
            f"{path.name}: the network fixes the number of its inputs, so it would run {len(example)} at a time only; "
            "take sizes from 'shape' instead of 'len' in its plug-ins"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on itself from the user's terminal."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
