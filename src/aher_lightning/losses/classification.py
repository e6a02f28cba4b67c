"""Classification of segments (pooled feature maps) and of cells (Eq. 4)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from aher_lightning.losses.reduction import mean_over_processes
from aher_lightning.structures import Targets


def segment_classification_loss(logits: Tensor, labels: Tensor, *, levels: Literal["sum", "mean"] = "sum") -> Tensor:
    """Return the cross entropy of segment-level classification, mean over the batch.

    Implements L_reg, Eq. 4 of "Learning to Localize Actions from Moments" (Long et al., ECCV 2020),
    https://arxiv.org/abs/2008.13705. The paper does not say how levels are combined; the authors' code
    takes their mean, times 2 / B.

    Args:
        logits: One classifier per pyramid level, shape ``(L, B, K)``.
        labels: Category indices, int64 ``(B,)``.
        levels: Whether the levels are summed or averaged.

    Returns:
        Scalar; 0 for an empty batch.

    Example:
        >>> import torch
        >>> segment_classification_loss(torch.zeros(3, 1, 2), torch.tensor([0]))  # 3 log 2
        tensor(2.0794)
    """
    total = functional.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="sum")
    return total / max(len(labels), 1) / (len(logits) if levels == "mean" else 1)


def cell_classification_loss(
    logits: Tensor, labels: Tensor, cell_mask: Tensor | None = None, *, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Return the cross entropy of anchor-level classification over the cells in the mask.

    Implements L_cls, which has the form of Eq. 4 in "Learning to Localize Actions from Moments" (Long et
    al., ECCV 2020), https://arxiv.org/abs/2008.13705. The authors' code gives all cells the label of their
    video, sums over cells and doubles the mean over videos.

    Args:
        logits: One vector per cell, shape ``(B, K, N)``.
        labels: Category of each video, int64 ``(B,)``, or of each cell ``(B, N)``; -1 leaves cells out.
        cell_mask: Which cells count, bool ``(B, N)``; ``None`` for all.
        reduction: "mean" over the cells that count, or their "sum" divided by the number of videos B.

    Returns:
        Scalar; 0 if no cell counts.

    Example:
        >>> import torch
        >>> cell_classification_loss(torch.zeros(2, 4, 5), torch.tensor([1, -1]))  # log 4
        tensor(1.3863)
    """
    targets = labels if labels.dim() == 2 else labels.unsqueeze(1).expand(-1, logits.shape[-1])
    is_counted = targets >= 0
    if cell_mask is not None:
        is_counted = is_counted & cell_mask
    losses = functional.cross_entropy(logits, targets.clamp(min=0), reduction="none")
    if reduction == "sum":
        return losses.where(is_counted, 0).sum() / max(len(losses), 1)
    return mean_over_processes(losses, is_counted)


class CellClassificationLoss(nn.Module):
    """Weighted :func:`cell_classification_loss` (L_cls) with the targets of a head.

    A cell learns the category of the instance that it speaks for; see :class:`~aher_lightning.structures.Targets`.

    Args:
        weight: Factor of the loss; 2 in the authors' code.
        cells: Which cells learn: "all" of them, as in the authors' code, or the "foreground" ones.
        reduction: "mean" over cells, or "sum" over the cells of a video and mean over videos, as in the
            authors' code.
    """

    def __init__(
        self,
        *,
        weight: float = 1.0,
        cells: Literal["all", "foreground"] = "all",
        reduction: Literal["mean", "sum"] = "mean",
    ) -> None:
        super().__init__()
        self.weight = weight
        self.cells: Literal["all", "foreground"] = cells
        self.reduction: Literal["mean", "sum"] = reduction

    def forward(self, logits: Tensor, labels: Tensor, targets: Targets) -> Tensor:
        """Return the weighted loss.

        Args:
            logits: One vector per cell, shape ``(B, K, N)``.
            labels: Categories of the instances, int64 ``(B, G)``; -1 marks padding, which comes last.
            targets: What :meth:`Head.match` returned.

        Returns:
            Scalar; 0 if no cell counts.
        """
        # A last instance of padding serves videos without any.
        cell_labels = functional.pad(labels, (0, 1), value=-1).gather(1, targets.instances)
        mask = targets.is_foreground if self.cells == "foreground" else None
        return self.weight * cell_classification_loss(logits, cell_labels, mask, reduction=self.reduction)
