from __future__ import annotations

import importlib.util
from collections.abc import Callable

import pytest
import torch

from aher_lightning.analyses.context_cells import Cells
from aher_lightning.analyses.embedding import deal_folds, embed_features, separability
from aher_lightning.errors import ConfigError, DataError

needs_sklearn = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None, reason="scikit-learn, the extra 'analysis', is not installed"
)


def clouds(distance: float, count: int = 20, width: int = 6) -> tuple[Cells, Cells]:
    """Two normal clouds; five cells of each video."""
    features = torch.randn(2, count, width, generator=torch.Generator().manual_seed(0))
    features[1, :, 0] += distance
    sources = torch.arange(count) // 5
    return Cells(features[0], sources), Cells(features[1], sources)


@needs_sklearn
def test_clouds_stay_clouds_in_the_plane() -> None:
    first, second = clouds(30.0)
    points = embed_features(torch.cat([first.features, second.features]))
    assert points.shape == (40, 2)
    assert points.dtype == torch.float64
    nearest = torch.cdist(points, points).fill_diagonal_(torch.inf).argmin(dim=1)
    assert bool(((nearest < 20) == (torch.arange(40) < 20)).all())


@needs_sklearn
def test_the_plane_depends_on_features_and_seed_alone() -> None:
    features = clouds(3.0)[0].features
    points = embed_features(features, seed=1)
    torch.randn(3)
    assert torch.equal(points, embed_features(features, seed=1))


@needs_sklearn
def test_more_features_than_the_components_are_reduced_first() -> None:
    assert embed_features(torch.randn(4, 300, generator=torch.Generator().manual_seed(0))).shape == (4, 2)
    with pytest.raises(DataError, match="2 features are too few for t-SNE; take more anchors"):
        embed_features(torch.zeros(2, 4))


@needs_sklearn
def test_separability_is_one_far_apart_and_chance_on_top_of_each_other() -> None:
    assert separability(*clouds(30.0)) == 1.0
    first, second = clouds(0.0, count=200)
    assert separability(first, second) == pytest.approx(0.5, abs=0.08)
    assert separability(first, second) == separability(first, second)
    fewer = Cells(second.features[:50], second.sources[:50])  # always to guess the larger kind does not pay
    assert separability(first, fewer) == pytest.approx(0.5, abs=0.15)


@needs_sklearn
def test_cells_of_a_video_are_not_known_by_heart() -> None:
    # Every video has a place of its own, both kinds lie everywhere: only memory could tell them apart.
    generator = torch.Generator().manual_seed(0)
    places = 20 * torch.randn(2, 40, 1, 30, generator=generator)
    features = (places + 0.01 * torch.randn(2, 40, 5, 30, generator=generator)).flatten(1, 2)
    sources = torch.arange(40).repeat_interleave(5)
    assert separability(Cells(features[0], sources), Cells(features[1], sources)) < 0.65
    apart = torch.arange(200)  # were each cell a video of its own, its neighbours would give it away
    assert separability(Cells(features[0], apart), Cells(features[1], apart)) > 0.75


@needs_sklearn
def test_a_single_video_cannot_be_compared() -> None:
    first, second = clouds(1.0)
    alone = Cells(first.features, torch.zeros_like(first.sources))
    with pytest.raises(DataError, match="cells of a single video cannot be compared; take more moments"):
        separability(alone, second)


def test_folds_keep_videos_together_and_are_even() -> None:
    sources = [source for source in range(11) for _ in range(source + 1)]
    folds = deal_folds(sources, 5, seed=3)
    by_source = [{fold for fold, one in zip(folds, sources, strict=True) if one == source} for source in range(11)]
    assert all(len(found) == 1 for found in by_source)
    sizes = [sum(found == {part} for found in by_source) for part in range(5)]
    assert sorted(sizes) == [2, 2, 2, 2, 3]
    assert folds != deal_folds(sources, 5, seed=4)


@pytest.mark.usefixtures("no_extras")
@pytest.mark.parametrize("call", [lambda: embed_features(torch.zeros(4, 2)), lambda: separability(*clouds(1.0))])
def test_without_sklearn_the_extra_is_named(call: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match=r'this analysis needs .*: pip install "aher-lightning\[analysis\]"'):
        call()
