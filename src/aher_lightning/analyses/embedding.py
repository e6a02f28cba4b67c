"""t-SNE of features, and how well a linear classifier separates two kinds of features.

Needs scikit-learn, the extra ``analysis``; it is imported on use.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from aher_lightning.analyses.context_cells import Cells
from aher_lightning.errors import DataError, require_extra
from aher_lightning.ops.randomness import random_generator

_PRINCIPAL_COMPONENTS = 256
"""Components that t-SNE starts from, section 4.4 of the paper."""

_PERPLEXITY = 30.0
"""Effective number of neighbours in t-SNE, the common default."""

_FOLDS = 5
"""Folds of the cross-validation."""


def embed_features(features: Tensor, seed: int = 0) -> Tensor:
    """Return features as points of a plane, by PCA and then t-SNE.

    The same features and seed give the same points on one machine: it runs on one thread, as sums over several
    would depend on their order.

    Implements the projection of figure 5 of "Learning to Localize Actions from Moments" (Long et al., ECCV
    2020), arXiv:2008.13705.

    Args:
        features: N feature vectors, N at least 3, shape ``(N, d)``.
        seed: Seed of t-SNE.

    Returns:
        Points, float64 ``(N, 2)``.

    Raises:
        ConfigError: If scikit-learn is not installed.
        DataError: If there are fewer than three features.
    """
    require_extra("analysis", "this analysis")
    if len(features) < 3:
        raise DataError(f"{len(features)} features are too few for t-SNE; take more anchors")
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    components = min(_PRINCIPAL_COMPONENTS, *features.shape)
    perplexity = min(_PERPLEXITY, (len(features) - 1) / 3)
    with threadpool_limits(limits=1):
        reduced = PCA(components, svd_solver="full").fit_transform(features.double().cpu().numpy())
        points = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
    return torch.from_numpy(points).double()


def separability(first: Cells, second: Cells, seed: int = 0) -> float:
    """Return how accurately a linear classifier tells two kinds of cells apart in unseen videos.

    Logistic regression on standardized features, cross-validated, both kinds of equal weight. Cells of one video
    or moment stay in one fold: neighbouring cells are alike, so the classifier could otherwise memorize them.

    Args:
        first: M cells of one kind.
        second: Cells of another kind, more or fewer; sources of the two kinds are counted separately.
        seed: Seed of the folds.

    Returns:
        Balanced accuracy in ``[0, 1]``: 0.5 where the kinds cannot be told apart.

    Raises:
        ConfigError: If scikit-learn is not installed.
        DataError: If a kind comes from one video only.
    """
    require_extra("analysis", "this analysis")
    parts = min(_FOLDS, *(len(set(cells.sources.tolist())) for cells in (first, second)))
    if parts < 2:
        raise DataError("cells of a single video cannot be compared; take more moments and validation videos")
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import PredefinedSplit, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = torch.cat([first.features, second.features]).double().cpu().numpy()
    kinds = [0] * len(first.sources) + [1] * len(second.sources)
    folds = [fold for cells in (first, second) for fold in deal_folds(cells.sources.tolist(), parts, seed)]
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    predicted = cross_val_predict(model, features, kinds, cv=PredefinedSplit(folds))
    return float(balanced_accuracy_score(kinds, predicted))


def deal_folds(sources: Sequence[int], parts: int, seed: int) -> list[int]:
    """Assign sources to the folds of a cross-validation, as evenly as possible, and return the fold of each sample.

    Example:
        >>> folds = deal_folds([7, 7, 3], parts=2, seed=0)
        >>> folds[0] == folds[1] != folds[2]
        True
    """
    unique = sorted(set(sources))
    order = torch.randperm(len(unique), generator=random_generator(seed, "folds")).tolist()
    part_of = {unique[place]: number % parts for number, place in enumerate(order)}
    return [part_of[source] for source in sources]
