"""``aher fit --dry-run``: what training will take and what is missing for it, without training."""

from __future__ import annotations

from typing import cast

from pytorch_lightning import LightningDataModule, LightningModule

from aher_lightning.budget.inventory import Inventory, take_inventory
from aher_lightning.budget.training_needs import TrainingNeeds, measure_needs
from aher_lightning.console import output_console
from aher_lightning.datamodules.mixed import MixedDataModule
from aher_lightning.errors import AherError, ConfigError, DataError
from aher_lightning.modules.base import BaseModule
from aher_lightning.modules.phased import TrainingBatch
from aher_lightning.reports.terminal_tables import first_names
from aher_lightning.reports.training_budget import left_out_table, memory_table, phase_table, size_table


def dry_run(
    module: LightningModule,
    data: LightningDataModule,
    *,
    iterations: int,
    num_processes: int = 1,
    evaluates: bool = True,
) -> None:
    """Print parameters, memory, sizes of the data and what is missing; nothing is trained or written.

    One batch is read and goes forward through each phase, on the CPU. Where clips are decoded it has one sample of
    each part, and what it takes is multiplied.

    Args:
        module: The module to train.
        data: What to train it on.
        iterations: How many iterations are planned.
        num_processes: Processes that will train.
        evaluates: Whether validation will run.

    Raises:
        ConfigError: If module or data are not of this package, or nothing would be trained.
        DataError: If anything is missing that training or validation would read, after everything was printed.
    """
    if not isinstance(module, BaseModule) or not isinstance(data, MixedDataModule):
        other = module if not isinstance(module, BaseModule) else data
        raise ConfigError(f"a dry run knows this package's modules, not {type(other).__name__}; leave '--dry-run' out")
    inventory = take_inventory(data, num_processes, evaluates=evaluates)
    problems = list(inventory.problems)
    batch, times = None, 1
    if inventory.loaders.keys() == set(data.parts):
        times = 1 if data.features is not None else data.batch_size
        try:
            module.contract = data.contract
            batch = _read_batch(inventory, data.batch_size // times)
        except AherError as problem:
            problems.append(str(problem))
    needs = measure_needs(module, batch, times=times)
    _print_needs(type(module).__name__, needs, num_processes)
    _print_inventory(inventory, iterations)
    _refuse_missing(inventory, problems)


def _read_batch(inventory: Inventory, num_samples: int) -> TrainingBatch:
    """The first samples of each part."""
    return cast("TrainingBatch", {part: loader.peek(num_samples) for part, loader in inventory.loaders.items()})


def _print_needs(name: str, needs: TrainingNeeds, num_processes: int) -> None:
    """Show what the module takes."""
    console = output_console()
    rows = [
        (one.name, one.steps, one.optimizers, one.trainable, needs.parameters - one.trainable, one.activation_bytes)
        for one in needs.phases
    ]
    console.print(phase_table(f"{name}: {needs.parameters:,} parameters", rows))
    console.print()
    console.print(memory_table(needs.memory(num_processes), is_measured=needs.batch_bytes is not None))
    console.print()


def _print_inventory(inventory: Inventory, iterations: int) -> None:
    """Show what the data has."""
    console = output_console()
    rows = [(*one, one.iterations) for one in inventory.sizes]
    console.print(size_table(f"Data, for {iterations:,} iterations", rows))
    named = {what: one for what, one in inventory.left_out.items() if one.named}
    if named:
        console.print()
        console.print(left_out_table(named))


def _refuse_missing(inventory: Inventory, problems: list[str]) -> None:
    """Say in one line what is missing, if anything is."""
    said = [
        f"{len(one.missing)} of {one.named} {what} have {inventory.absence} ({first_names(one.missing)})"
        for what, one in inventory.left_out.items()
        if one.missing and not any(what in problem for problem in problems)
    ]
    if inventory.damaged:
        said.append(f"{len(inventory.damaged)} videos have lost their features ({first_names(inventory.damaged)})")
    if said:
        said.append("add them, or list in 'data.quarantine' what is known to be missing")
    if problems or said:
        raise DataError("; ".join([*problems, *said]))
