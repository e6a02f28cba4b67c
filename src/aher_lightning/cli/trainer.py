"""The commands that train and evaluate: LightningCLI, with what data and module share linked."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import reduce
from operator import or_
from pathlib import Path

from jsonargparse import Namespace
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser, LightningCLI

from aher_lightning.callbacks import (
    Compilation,
    DiscriminatorWatch,
    IterationCheckpoint,
    MetricsWriter,
    PhaseProgress,
    PredictionWriter,
    Preemption,
    RunFacts,
    ScoreTable,
    TimelineImages,
    TrainingCurves,
)
from aher_lightning.checkpoints.content import read_checkpoint
from aher_lightning.checkpoints.last import FoundCheckpoint, find_last_checkpoint
from aher_lightning.checkpoints.pretrained_folder import locate, read_trained
from aher_lightning.cli import components  # noqa: F401 - makes their short names known
from aher_lightning.cli.argument_spelling import choices, spell_flags
from aher_lightning.cli.command_table import DEBUG_HELP, TRAINER_COMMANDS
from aher_lightning.cli.commands.dry_run import dry_run
from aher_lightning.cli.usage_errors import OneLineErrors
from aher_lightning.cli.wanted_input import fill_contract
from aher_lightning.console import error_console
from aher_lightning.errors import CheckpointError, ConfigError
from aher_lightning.models.backbones.own_weights import weights_come_later
from aher_lightning.modules.base import BaseModule

SHARDING = ("fsdp", "deepspeed", "modelparallel")
"""Parts of the names of strategies that keep a part of the parameters in each process."""


HALF_THROUGHOUT = ("16-true", "bf16-true", "transformer-engine", "transformer-engine-float16")
"""Precisions of which nothing is left in single precision."""


def whole_numbers_first(function: Callable[..., object]) -> None:
    """Have the parser try whole numbers before others where an argument may be either.

    ``typing`` remembers unions whatever their order: if anything in the process has written ``Union[float, int]``
    before Lightning writes ``Union[int, float]``, Lightning gets the former, and one batch becomes 1.0, all of them.

    Args:
        function: Its annotations are changed.
    """
    for name, hint in function.__annotations__.items():
        kinds = list(choices(hint))
        if {int, float} <= set(kinds) and kinds.index(float) < kinds.index(int):
            function.__annotations__[name] = reduce(or_, [int, *(kind for kind in kinds if kind is not int)])


whole_numbers_first(Trainer.__init__)


class TrainerParser(OneLineErrors, LightningArgumentParser):
    """The parser of Lightning's commands."""


class AherCLI(LightningCLI):
    """LightningCLI with our links between data and module; schedules count iterations."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options that are ours, and link what data and module share."""
        parser.add_argument(
            "--iterations", type=int | None, default=None, help="Training iterations; the unit of every schedule."
        )
        parser.add_argument(
            "--dry_run", type=bool, default=False, help="Report what `fit` would train, need and lack, and exit."
        )
        parser.link_arguments("iterations", "trainer.limit_train_batches")
        parser.add_lightning_class_args(IterationCheckpoint, "checkpoint")
        parser.add_lightning_class_args(TrainingCurves, "curves")
        parser.add_lightning_class_args(PredictionWriter, "predictions")
        parser.add_lightning_class_args(MetricsWriter, "metrics")
        parser.add_lightning_class_args(PhaseProgress, "progress")
        parser.add_lightning_class_args(Preemption, "preemption")
        parser.add_lightning_class_args(DiscriminatorWatch, "discriminator_watch")
        parser.add_lightning_class_args(RunFacts, "facts")
        parser.add_lightning_class_args(Compilation, "compilation")
        parser.add_lightning_class_args(TimelineImages, "timelines")
        parser.add_lightning_class_args(ScoreTable, "score_table")
        parser.link_arguments("data.categories", "model.init_args.categories", apply_on="instantiate")
        parser.link_arguments("seed_everything", "data.init_args.seed")
        parser.link_arguments("seed_everything", "model.init_args.seed")

    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Ask the backbone for its clips; resolve and check the checkpoint, and hide it from Lightning for now.

        Lightning would take the ``hyper_parameters`` of a checkpoint over the configuration, which stays in force here.
        """
        super().parse_arguments(parser, args)
        fill_contract(self.options.get("data"), self.options.get("model.init_args.backbone"))
        path = self.options.ckpt_path
        if path == "last":
            path = self._find_last()
        elif path and path not in {"hpc", "registry"}:
            path = str(self._check_checkpoint(path))
        self._checkpoint, self.options.ckpt_path = path, None

    def _check_checkpoint(self, path: str) -> Path:
        """Refuse a checkpoint that the command cannot read, and return where it is on this machine."""
        found = locate(Path(path))
        if found.is_dir() and self.config.subcommand != "fit":
            read_trained(found)
        else:
            read_checkpoint(found)  # resuming needs the optimizer states, which folders to share do not have
        return found

    @property
    def options(self) -> Namespace:
        """The configuration of the command."""
        options: Namespace = self.config[self.config.subcommand]
        return options

    def before_instantiate_classes(self) -> None:
        """Refuse zero iterations, dry runs of other commands, sharding strategies and pure half precision."""
        self.options.ckpt_path = self._checkpoint
        if self.options.trainer.limit_val_batches == 0:
            self.options.trainer.val_check_interval = None  # Lightning 2.5 checks it even without validation
        iterations = self.options.iterations
        if iterations is not None and iterations < 1:
            raise ConfigError(f"'iterations' is {iterations}, and training takes at least 1; correct it")
        if self.options.dry_run and self.subcommand != "fit":
            raise ConfigError(f"'--dry-run' belongs to 'aher fit'; leave it out of 'aher {self.subcommand}'")
        strategy = self.options.trainer.strategy
        name = strategy if isinstance(strategy, str) else str(getattr(strategy, "class_path", ""))
        if any(word in name.lower() for word in SHARDING):
            raise ConfigError(
                f"strategy '{name.rpartition('.')[2]}' shards parameters over processes, but phases select parameters "
                "by group, and the networks are small; use 'trainer.strategy: ddp', or leave it out"
            )
        precision = str(self.options.trainer.precision or "")
        if precision in HALF_THROUGHOUT:
            raise ConfigError(
                f"precision '{precision}' keeps weights and losses in half precision, which is too coarse; use "
                "'bf16-mixed' or '16-mixed'"
            )

    def instantiate_classes(self) -> None:
        """Build data, module and trainer; the module keeps its configuration for its checkpoints."""
        # A checkpoint brings the weights of the backbone; resumed training compares it with those that it started from.
        is_given = self._checkpoint is not None and self.subcommand != "fit"
        with weights_come_later() if is_given else nullcontext():
            super().instantiate_classes()
        if isinstance(self.model, BaseModule):
            # Reuses Lightning's dump: dumping takes a good part of the start-up.
            self.model.configuration = self.config_dump["model"]

    def before_fit(self) -> None:
        """Refuse to train endlessly, or without ever reaching a validation."""
        iterations, options = self.options.iterations, self.options.trainer
        if iterations is None:
            raise ConfigError("training needs a number of iterations: add 'iterations: 1000' to the configuration")
        interval = options.val_check_interval
        if options.limit_val_batches != 0 and isinstance(interval, int) and interval > iterations:
            raise ConfigError(
                f"'trainer.val_check_interval' is {interval}, but there are only {iterations} iterations: lower it"
            )
        if self.options.dry_run:
            self._show(iterations)

    def _show(self, iterations: int) -> None:
        """Print what training would do, and exit."""
        trainer, world_size = self.trainer, self.trainer.num_devices * self.trainer.num_nodes
        evaluates = trainer.limit_val_batches != 0
        dry_run(self.model, self.datamodule, iterations=iterations, num_processes=world_size, evaluates=evaluates)
        raise SystemExit(0)

    def _find_last(self) -> str | None:
        """The newest readable checkpoint of the run folder; training without one starts from the beginning."""
        options = self.options
        folder = Path(options.trainer.default_root_dir or Path.cwd()) / options.checkpoint.folder
        found = find_last_checkpoint(folder)
        if found is None and self.config.subcommand != "fit":
            raise CheckpointError(f"{folder}: has no checkpoint yet; train one with 'aher fit', or correct the path")
        _report_start(folder, found, options.iterations if self.config.subcommand == "fit" else None)
        return str(found.path) if found is not None else None


def run_trainer(arguments: Sequence[str]) -> None:
    """Run one of Lightning's commands.

    Args:
        arguments: Arguments of the command line, the command first.
    """
    command, *words = arguments
    if command in {"validate", "test"}:
        words = ["--verbose=false", *words]  # our callback shows the scores, in percent
    # The arguments are those of the command line, which Lightning cannot know.
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter is intended")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # frozen backbones
    warnings.filterwarnings("ignore", message=".*LeafSpec.*")  # Lightning 2.6 uses a name that torch renamed
    warnings.filterwarnings("ignore", message="The `srun` command is available")  # running outside a job is fine
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging")
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    AherCLI(
        LightningModule,
        LightningDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        seed_everything_default=0,
        auto_configure_optimizers=False,
        save_config_kwargs={"overwrite": True},
        trainer_defaults={
            "max_epochs": 1,
            "min_epochs": 0,  # else callbacks that stop training are not heard
            "enable_checkpointing": True,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
        },
        parser_class=TrainerParser,
        parser_kwargs={
            command: {"usage": f"aher {command} --config FILE [options]", "epilog": DEBUG_HELP}
            for command in TRAINER_COMMANDS
        },
        args=[command, *spell_flags(words, {"dry_run"})],
    )


@rank_zero_only
def _report_start(folder: Path, found: FoundCheckpoint | None, iterations: int | None) -> None:
    """Report where training starts, and whether it is already complete."""
    console = error_console()
    if found is None:
        console.print(f"{folder}: no checkpoint yet, so training starts from the beginning", markup=False)
        return
    for line in found.damaged:
        console.print(f"skipped: {line}", markup=False)
    console.print(f"resuming from {found.path}, after {found.iteration} iterations", markup=False)
    if iterations is not None and found.iteration >= iterations:
        console.print(f"training is already complete: raise 'iterations', which is {iterations}", markup=False)
