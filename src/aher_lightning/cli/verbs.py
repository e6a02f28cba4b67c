"""Which verbs the ``aher`` command has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

DEBUG = "--debug"
"""The option of every verb that shows the traceback of whatever fails."""

DEBUG_HELP = f"{DEBUG}, after any verb, shows the traceback of every failure."


class Verb(NamedTuple):
    """A verb that is a plain function.

    Attributes:
        target: ``module:function``; imported when the verb is used.
        summary: What it does, one line.
        positional: Name of the parameter that takes the words without a flag, if any.
        names_classes: Whether options of it name classes, which are imported so that short names are known.
        ignored: Options of other verbs that the same configuration may have, and that mean nothing here.
    """

    target: str
    summary: str
    positional: str | None = None
    names_classes: bool = False
    ignored: tuple[str, ...] = ()


class VerbGroup(NamedTuple):
    """A verb of several kinds, each of them a plain function: ``aher analyze levels``.

    Attributes:
        summary: What the kinds have in common, one line.
        kinds: The kinds by the word that follows the verb.
    """

    summary: str
    kinds: Mapping[str, Verb]


ANALYSES = {
    "levels": Verb(
        "aher_lightning.cli.commands.analyze.levels:levels",
        "classification accuracy per pyramid level",
        names_classes=True,
    ),
    "contexts": Verb(
        "aher_lightning.cli.commands.analyze.contexts:contexts",
        "real and synthetic background in a plane",
        names_classes=True,
    ),
    "label-fractions": Verb(
        "aher_lightning.cli.commands.analyze.label_fractions:label_fractions",
        "full supervision on a share of the annotations",
    ),
    "timelines": Verb("aher_lightning.cli.commands.analyze.timelines:timelines", "detections over the time of videos"),
}

BESIDE_DATA = (
    *("backbone", "checkpoint", "dtype", "retry_failed", "weights"),  # of extract
    *("ckpt_path", "dry_run", "iterations", "model", "seed_everything", "trainer", "weights_only"),  # of fit
    *("compilation", "curves", "discriminator_watch", "facts", "metrics"),  # callbacks
    *("predictions", "preemption", "progress", "score_table", "timelines"),
)
"""What a configuration may say besides its data, for the verbs that need no more than the data."""

VERBS: dict[str, Verb | VerbGroup] = {
    "demo": Verb("aher_lightning.cli.demo:demo", "the whole way on rendered videos, in a few minutes"),
    "render": Verb("aher_lightning.cli.commands.render:render", "write the rendered benchmark: videos and annotations"),
    "check": Verb(
        "aher_lightning.cli.commands.check:check",
        "read every video of a data set",
        names_classes=True,
        ignored=BESIDE_DATA,
    ),
    "extract": Verb(
        "aher_lightning.cli.commands.extract:extract", "clip features of every video of a data set", names_classes=True
    ),
    "evaluate": Verb("aher_lightning.cli.commands.evaluate:evaluate", "score, diagnose or compare prediction files"),
    "localize": Verb("aher_lightning.cli.commands.localize:localize", "find the actions in your own videos", "videos"),
    "import-annotations": Verb(
        "aher_lightning.cli.commands.import_annotations:import_annotations",
        "annotations of ELAN, VIA, CVAT and Label Studio, for training and evaluation",
        "files",
    ),
    "add-category": Verb(
        "aher_lightning.cli.commands.add_category:add_category", "new categories for a checkpoint, from clips"
    ),
    "list-categories": Verb(
        "aher_lightning.cli.commands.list_categories:list_categories", "the categories of a checkpoint"
    ),
    "remove-category": Verb(
        "aher_lightning.cli.commands.remove_category:remove_category", "take added categories out again"
    ),
    "export": Verb("aher_lightning.cli.commands.export:export", "a checkpoint as ONNX, or as safetensors for sharing"),
    "analyze": VerbGroup(f"figures of the paper: {', '.join(ANALYSES)}", ANALYSES),
}

TRAINER_VERBS = {
    "fit": "train a module on a data module",
    "validate": "compute the metrics of a checkpoint",
    "test": "compute the metrics of a checkpoint and write its detections",
    "predict": "write the detections of a checkpoint",
}
"""The verbs of LightningCLI, with what each does."""
