"""Teach rows of new categories at the cells of synthetic videos, everything else frozen; or fine-tune the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from aher_lightning.checkpoints.added_categories import LevelRows
from aher_lightning.inference.pasted_videos import PastedVideos
from aher_lightning.models.added_classifier import AddedClassifier
from aher_lightning.models.aher_net import AherNet
from aher_lightning.models.bank_content import BankContent
from aher_lightning.modules.phased import PhasedModule
from aher_lightning.modules.phases import localization_losses
from aher_lightning.ops.precision import to_float32
from aher_lightning.structures import LabelledVideos

TEACHING_STEPS = 200
"""Steps in which rows are taught."""

FINE_TUNING_STEPS = 80
"""Steps in which everything but the backbone is fine-tuned."""

FINE_TUNED_GROUPS = ("pyramid", "heads", "moment_classifier", "transfer")
"""Parameter groups that fine-tuning moves, beside the rows of added categories."""

_TEACHING_RATE = 0.03
_FINE_TUNING_RATE = 0.001
"""Learning rates of Adam, annealed to zero by a cosine."""

_FEWEST_VIDEOS = 400
_VIDEOS_PER_CATEGORY = 4
"""Synthetic videos that rows are taught with: the first number shows existing categories, and new ones unless the
second number for each of them is more."""

_COMPUTED_AT_ONCE = 8
_TAUGHT_AT_ONCE = 16
_TUNED_AT_ONCE = 8
"""Synthetic videos of new categories in a batch, and of existing ones."""

OnStep = Callable[[str], None]


class Teaching(NamedTuple):
    """What teaching works on.

    Attributes:
        module: The trained module, with its network on any device.
        bank: Moments of existing and new categories, and videos with background.
        existing: Rows of all existing moment categories on each level, ``(K, d_j)``.
        new: Rows of the new ones, ``(A, d_j)``, whose labels follow.
    """

    module: PhasedModule
    bank: BankContent
    existing: list[LevelRows]
    new: list[LevelRows]


class _Maps(NamedTuple):
    """Feature maps of synthetic videos, with their instances and what existing rows say about them."""

    levels: list[Tensor]  # (P, d_j, n_j)
    existing_logits: Tensor  # (P, K, N)
    segments: Tensor  # (P, G, 2)
    labels: Tensor  # (P, G)


def count_teaching_steps(num_new: int) -> int:
    """Return how many steps :func:`teach_rows` reports for A new categories."""
    return sum(_count_batches(num_new)) + TEACHING_STEPS


def teach_rows(teaching: Teaching, on_step: OnStep = lambda _: None) -> list[LevelRows]:
    """Return new rows that have learnt to tell their categories at the cells of videos.

    Rows learnt on whole clips are not calibrated there: cells see parts of actions, and background. Synthetic videos of
    new and of existing categories, moments pasted into stored background, run through the frozen network once. Then
    each step minimizes the module's cell classification loss over all moment categories on some of their feature maps.
    Only the new rows move. The losses of new and existing categories count by their numbers of categories, so that
    each category has the same weight.

    Args:
        teaching: Rows to start from, and what to learn from.
        on_step: Called with a description after each of :func:`count_teaching_steps` steps.

    Returns:
        The rows of each level, on the CPU.
    """
    module = teaching.module
    new = [_leaves(rows, module.device) for rows in teaching.new]
    counted = zip(_draws(teaching), _count_batches(len(teaching.new[0].bias)), strict=True)
    maps = [_compute_maps(teaching, videos, num_batches, on_step) for videos, num_batches in counted]
    parameters = [values for rows in new for values in rows]
    optimizer, schedule = _optimizer(parameters, _TEACHING_RATE, TEACHING_STEPS)
    generator = torch.Generator().manual_seed(0)
    for _ in range(TEACHING_STEPS):
        total = torch.zeros((), device=module.device)
        for share, whole in zip(_shares(teaching), maps, strict=True):
            chosen = torch.randperm(len(whole.labels), generator=generator)[:_TAUGHT_AT_ONCE].to(module.device)
            some = _rows_of(whole, chosen)
            logits = torch.cat([some.existing_logits, _cell_logits(module.network, some.levels, new)], dim=1)
            targets = module.network.head.match(some.segments, some.labels)
            total = total + share * module.loss(logits, some.labels, targets)
        _step(parameters, total, optimizer, schedule)
        on_step(f"loss {float(total.detach()):.2f}")
    return [LevelRows(*(values.detach().cpu() for values in rows)) for rows in new]


def _count_batches(num_new: int) -> tuple[int, int]:
    """Batches of synthetic videos that show existing categories, and new ones."""
    fewest, enough = (-(-count // _COMPUTED_AT_ONCE) for count in (_FEWEST_VIDEOS, _VIDEOS_PER_CATEGORY * num_new))
    return fewest, max(fewest, enough)


@torch.no_grad()
def _compute_maps(teaching: Teaching, videos: PastedVideos, num_batches: int, on_step: OnStep) -> _Maps:
    """Feature maps of some synthetic videos."""
    network, found = teaching.module.network, []
    existing = [LevelRows(*(values.to(teaching.module.device) for values in rows)) for rows in teaching.existing]
    for _ in range(num_batches):
        synthetic = videos.draw(_COMPUTED_AT_ONCE)
        levels = network.levels(synthetic.features)
        found.append(_Maps(levels, _cell_logits(network, levels, existing), synthetic.segments, synthetic.labels))
        on_step("synthetic videos")
    levels = [torch.cat(parts) for parts in zip(*(one.levels for one in found), strict=True)]
    return _Maps(levels, *(torch.cat(parts) for parts in list(zip(*found, strict=True))[1:]))


def _rows_of(maps: _Maps, chosen: Tensor) -> _Maps:
    return _Maps([level[chosen] for level in maps.levels], *(values[chosen] for values in maps[1:]))


def fine_tune_network(teaching: Teaching, on_step: OnStep = lambda _: None) -> list[LevelRows]:
    """Train everything in the network but its classifier of untrimmed categories; the network is changed.

    Each step adds the localization loss of synthetic videos, see :func:`teach_rows`, and that of stored untrimmed
    videos. Rows of categories that were added earlier are trained too.

    Args:
        teaching: Rows to start from, and what to learn from; those of existing categories are the network's.
        on_step: Called with a description after each of :data:`FINE_TUNING_STEPS` steps.

    Returns:
        The new rows of each level, on the CPU.
    """
    module, added = teaching.module, teaching.module.network.added_classifier
    old_videos, new_videos = _draws(teaching)
    new = [_leaves(rows, module.device) for rows in teaching.new]
    earlier = [] if added is None else [_leaves(rows, module.device) for rows in _added_rows(added, len(new))]
    parameters: list[Tensor] = [one for group in FINE_TUNED_GROUPS for one in module.network.parameter_group(group)]
    parameters += [values for rows in (*earlier, *new) for values in rows]
    optimizer, schedule = _optimizer(parameters, _FINE_TUNING_RATE, FINE_TUNING_STEPS)
    for _ in range(FINE_TUNING_STEPS):
        rows = _trained_rows(module.network)
        for more in (earlier, new):
            rows = [_joined(*pair) for pair in zip(rows, more, strict=True)] if more else rows
        total = _untrimmed_loss(module, old_videos.untrimmed(_TUNED_AT_ONCE))
        for share, videos in zip(_shares(teaching), (old_videos, new_videos), strict=True):
            total = total + _synthetic_loss(module, videos.draw(_TUNED_AT_ONCE), rows, share)
        _step(parameters, total, optimizer, schedule)
        on_step(f"loss {float(total.detach()):.2f}")
    if added is not None:
        for level, one in enumerate(earlier):
            added.set_rows(level, *one)
    return [LevelRows(*(values.detach().cpu() for values in rows)) for rows in new]


def _untrimmed_loss(module: PhasedModule, videos: LabelledVideos) -> Tensor:
    """Localization loss of stored untrimmed videos."""
    levels = module.network.levels(videos.features)
    terms = localization_losses(module.network, module.loss, levels, videos, "untrimmed")
    return terms.classification + terms.proposal


def _synthetic_loss(module: PhasedModule, videos: LabelledVideos, rows: Sequence[LevelRows], share: float) -> Tensor:
    """Localization loss of synthetic videos by segment-level rows; the share is the weight of their categories."""
    network = module.network
    levels = network.levels(videos.features)
    targets = network.head.match(videos.segments, videos.labels)
    classification = module.loss(_cell_logits(network, levels, rows), videos.labels, targets)
    loss: Tensor = share * classification + network.head.proposal_loss(network.head(levels), targets) / 2
    return loss


def existing_rows(network: AherNet) -> list[LevelRows]:
    """Return the segment-level rows of all moment categories of a network on each level, added ones last."""
    trained, added = _trained_rows(network), network.added_classifier
    if added is not None:
        trained = [_joined(*pair) for pair in zip(trained, _added_rows(added, len(trained)), strict=True)]
    return [LevelRows(*(values.detach().cpu() for values in rows)) for rows in trained]


def _trained_rows(network: AherNet) -> list[LevelRows]:
    """The rows of trained moment categories: the network's own parameters."""
    classifier = network.moment_classifier
    return [LevelRows(classifier.weights(j), classifier.biases(j)) for j in range(len(network.level_channels))]


def _added_rows(added: AddedClassifier, num_levels: int) -> list[LevelRows]:
    """The rows of categories that were added earlier."""
    return [LevelRows(added.weights(level), added.biases(level)) for level in range(num_levels)]


def _draws(teaching: Teaching) -> tuple[PastedVideos, PastedVideos]:
    """Synthetic videos of existing categories, and of new ones."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.unique(teaching.bank.moments.labels)
    is_new = labels >= len(teaching.existing[0].bias)
    old, new = (PastedVideos(teaching.module, teaching.bank, labels[mask], generator) for mask in (~is_new, is_new))
    return old, new


def _shares(teaching: Teaching) -> tuple[float, float]:
    """Weights of the losses of existing and of new categories: their parts of the number of categories."""
    num_existing, num_new = len(teaching.existing[0].bias), len(teaching.new[0].bias)
    return num_existing / (num_existing + num_new), num_new / (num_existing + num_new)


def _cell_logits(network: AherNet, levels: Sequence[Tensor], rows: Sequence[LevelRows]) -> Tensor:
    """Class logits ``(B, K, N)`` of all cells by segment-level rows, which are transferred first."""
    logits = []
    for transfer, features, one in zip(network.transfers, levels, rows, strict=True):
        weight, bias = transfer(one.weight, one.bias)
        logits.append(to_float32(torch.matmul(weight, features)) + bias.unsqueeze(-1))
    return torch.cat(logits, dim=-1)


def _optimizer(
    parameters: list[Tensor], rate: float, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.Adam(parameters, lr=rate)
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)


def _step(
    parameters: list[Tensor],
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """Take a step in the parameters alone; other parts of the network get no gradient."""
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()


def _leaves(rows: LevelRows, device: torch.device) -> LevelRows:
    """Copies of rows that gradients reach."""
    return LevelRows(*(values.detach().clone().to(device).requires_grad_() for values in rows))


def _joined(existing: LevelRows, new: LevelRows) -> LevelRows:
    return LevelRows(*(torch.cat(pair) for pair in zip(existing, new, strict=True)))
