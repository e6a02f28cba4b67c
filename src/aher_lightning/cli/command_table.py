"""The commands of ``aher``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DEBUG = "--debug"
"""The option of every command that shows the traceback of whatever fails."""

DEBUG_HELP = f"{DEBUG}, after any command, shows the traceback of every failure."


class Command(NamedTuple):
    """A command that is a plain function.

    Attributes:
        target: ``module:function``, relative to ``aher_lightning.cli``; imported when the command runs.
        summary: What it does, one line.
        positional: Parameter that takes the arguments without an option, if any: files, or at most one name if it
            may be ``None``.
        names_classes: Whether its options name classes, which are imported for their short names.
        ignored: Options of other commands that the same configuration may have.
    """

    target: str
    summary: str
    positional: str | None = None
    names_classes: bool = False
    ignored: tuple[str, ...] = ()


class CommandGroup(NamedTuple):
    """A command with subcommands that are plain functions, such as ``aher analyze levels``; its one-line summary."""

    summary: str
    kinds: Mapping[str, Command]


_ANALYSES = {
    "levels": Command(
        ".commands.analyze.levels:levels", "classification accuracy per pyramid level", names_classes=True
    ),
    "contexts": Command(
        ".commands.analyze.contexts:contexts", "real and synthetic background in a plane", names_classes=True
    ),
    "label-fractions": Command(
        ".commands.analyze.label_fractions:label_fractions", "full supervision on fractions of the annotations"
    ),
    "timelines": Command(".commands.analyze.timelines:timelines", "detections over the time of videos"),
}

_BESIDE_DATA = (
    *("backbone", "checkpoint", "dtype", "retry_failed", "weights"),  # of extract
    *("ckpt_path", "dry_run", "iterations", "model", "seed_everything", "trainer", "weights_only"),  # of fit
    *("compilation", "curves", "discriminator_watch", "facts", "metrics"),  # callbacks
    *("predictions", "preemption", "progress", "score_table", "timelines"),
)
"""Options besides the data that configurations may have, ignored by commands that use the data alone."""

COMMANDS: dict[str, Command | CommandGroup] = {
    "demo": Command(".demo:demo", "the complete pipeline on rendered videos, in minutes"),
    "render": Command(".commands.render:render", "write the rendered benchmark: videos and annotations"),
    "check": Command(
        ".commands.check:check", "read every video of a data set", names_classes=True, ignored=_BESIDE_DATA
    ),
    "extract": Command(".commands.extract:extract", "clip features of every video of a data set", names_classes=True),
    "backbones": Command(".commands.backbones:backbones", "pretrained networks that features can come from"),
    "evaluate": Command(".commands.evaluate:evaluate", "score, diagnose or compare prediction files"),
    "localize": Command(".commands.localize:localize", "find the actions in your own videos", "videos"),
    "import-annotations": Command(
        ".commands.import_annotations:import_annotations",
        "annotations of ELAN, VIA, CVAT and Label Studio, for training and evaluation",
        "files",
    ),
    "add-category": Command(".commands.add_category:add_category", "new categories for a checkpoint, from clips"),
    "list-categories": Command(".commands.list_categories:list_categories", "the categories of a checkpoint"),
    "remove-category": Command(".commands.remove_category:remove_category", "remove added categories"),
    "export": Command(".commands.export:export", "a checkpoint as ONNX, or as safetensors for sharing"),
    "configs": Command(".commands.configs:configs", "list the shipped configurations, print or copy one", "name"),
    "components": Command(
        ".commands.components:components",
        "list the classes that configurations may name, or show their options",
        "name",
    ),
    "analyze": CommandGroup(f"figures of the paper: {', '.join(_ANALYSES)}", _ANALYSES),
}

TRAINER_COMMANDS = {
    "fit": "train a module on a data module",
    "validate": "compute the metrics of a checkpoint",
    "test": "compute the metrics of a checkpoint and write its detections",
    "predict": "write the detections of a checkpoint",
}
"""The subcommands of LightningCLI, with summaries."""
