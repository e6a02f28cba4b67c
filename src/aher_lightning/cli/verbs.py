"""The commands of ``aher``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DEBUG = "--debug"
"""The option of every verb that shows the traceback of whatever fails."""

DEBUG_HELP = f"{DEBUG}, after any command, shows the traceback of every failure."


class Verb(NamedTuple):
    """A command that is a plain function.

    Attributes:
        target: ``module:function``, relative to ``aher_lightning.cli``; imported when the command runs.
        summary: What it does, one line.
        positional: Parameter that takes the arguments without an option, if any.
        names_classes: Whether its options name classes, which are imported for their short names.
        ignored: Options of other commands that the same configuration may have.
    """

    target: str
    summary: str
    positional: str | None = None
    names_classes: bool = False
    ignored: tuple[str, ...] = ()


class VerbGroup(NamedTuple):
    """A command with subcommands that are plain functions, such as ``aher analyze levels``; its one-line summary."""

    summary: str
    kinds: Mapping[str, Verb]


_ANALYSES = {
    "levels": Verb(".commands.analyze.levels:levels", "classification accuracy per pyramid level", names_classes=True),
    "contexts": Verb(
        ".commands.analyze.contexts:contexts", "real and synthetic background in a plane", names_classes=True
    ),
    "label-fractions": Verb(
        ".commands.analyze.label_fractions:label_fractions", "full supervision on fractions of the annotations"
    ),
    "timelines": Verb(".commands.analyze.timelines:timelines", "detections over the time of videos"),
}

_BESIDE_DATA = (
    *("backbone", "checkpoint", "dtype", "retry_failed", "weights"),  # of extract
    *("ckpt_path", "dry_run", "iterations", "model", "seed_everything", "trainer", "weights_only"),  # of fit
    *("compilation", "curves", "discriminator_watch", "facts", "metrics"),  # callbacks
    *("predictions", "preemption", "progress", "score_table", "timelines"),
)
"""Options besides the data that configurations may have, ignored by commands that use the data alone."""

VERBS: dict[str, Verb | VerbGroup] = {
    "demo": Verb(".demo:demo", "the complete pipeline on rendered videos, in minutes"),
    "render": Verb(".commands.render:render", "write the rendered benchmark: videos and annotations"),
    "check": Verb(".commands.check:check", "read every video of a data set", names_classes=True, ignored=_BESIDE_DATA),
    "extract": Verb(".commands.extract:extract", "clip features of every video of a data set", names_classes=True),
    "backbones": Verb(".commands.backbones:backbones", "pretrained networks that features can come from"),
    "evaluate": Verb(".commands.evaluate:evaluate", "score, diagnose or compare prediction files"),
    "localize": Verb(".commands.localize:localize", "find the actions in your own videos", "videos"),
    "import-annotations": Verb(
        ".commands.import_annotations:import_annotations",
        "annotations of ELAN, VIA, CVAT and Label Studio, for training and evaluation",
        "files",
    ),
    "add-category": Verb(".commands.add_category:add_category", "new categories for a checkpoint, from clips"),
    "list-categories": Verb(".commands.list_categories:list_categories", "the categories of a checkpoint"),
    "remove-category": Verb(".commands.remove_category:remove_category", "remove added categories"),
    "export": Verb(".commands.export:export", "a checkpoint as ONNX, or as safetensors for sharing"),
    "analyze": VerbGroup(f"figures of the paper: {', '.join(_ANALYSES)}", _ANALYSES),
}

TRAINER_VERBS = {
    "fit": "train a module on a data module",
    "validate": "compute the metrics of a checkpoint",
    "test": "compute the metrics of a checkpoint and write its detections",
    "predict": "write the detections of a checkpoint",
}
"""The subcommands of LightningCLI, with summaries."""
