from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import torch

from aher_lightning.inference.pasted_videos import PastedVideos, pasting_context, videos_with_background
from aher_lightning.models.bank_content import BankContent
from aher_lightning.models.generated_contexts import GeneratedContexts
from aher_lightning.models.mixed_contexts import MixedContexts
from aher_lightning.models.pasted_contexts import PastedContexts
from tests.helpers.added import random_bank, random_videos
from tests.helpers.toy import CHANNELS, toy_network
from tests.helpers.training import toy_localizer

LABELS = [0, 0, 0, 1, 3, 3, 4]


def drawn(bank: BankContent, *labels: int, seed: int = 0) -> PastedVideos:
    return PastedVideos(toy_localizer(), bank, torch.tensor(labels), torch.Generator().manual_seed(seed))


def test_categories_take_turns_whatever_their_number_of_moments() -> None:
    videos = drawn(random_bank(LABELS), 0, 3, 4)
    found: Counter[int] = Counter()
    for _ in range(3):
        synthetic = videos.draw(4)
        assert synthetic.features.shape == (4, CHANNELS, 32)
        assert ((synthetic.labels == synthetic.labels[:, :1]) | (synthetic.labels == -1)).all()
        found.update(synthetic.labels[:, 0].tolist())
    assert found == {0: 4, 3: 4, 4: 4}


def test_instances_show_the_moment_and_the_rest_background() -> None:
    bank = random_bank(LABELS, 1)
    moments = bank.moments.snippets._replace(values=torch.full_like(bank.moments.snippets.values, 5.0))
    background = bank.videos.snippets._replace(values=torch.full_like(bank.videos.snippets.values, -5.0))
    bank = BankContent(bank.moments._replace(snippets=moments), bank.videos._replace(snippets=background))
    features, segments, _, durations = drawn(bank, 0).draw(2)
    assert durations.tolist() == [20.0, 20.0]
    for row, ((start, end),) in enumerate(segments[:, :1].tolist()):
        assert end - start == pytest.approx(0.2)  # as annotated in the video
        middle, before = int(16 * (start + end)), int(32 * start) - 2
        assert (features[row, :, middle] == 5).all()
        assert before < 0 or (features[row, :, before] == -5).all()


def test_the_same_seed_draws_the_same() -> None:
    bank = random_bank(LABELS)
    first, again, other = (drawn(bank, 0, 1, seed=seed).draw(4) for seed in (0, 0, 1))
    assert torch.equal(first.features, again.features)
    assert not torch.equal(first.features, other.features)


def test_videos_come_as_they_are() -> None:
    bank = random_bank(LABELS, 1)
    videos = drawn(bank, 0).untrimmed(3)
    torch.testing.assert_close(videos.segments, torch.tensor([[[0.4, 0.6]]]).expand(3, 1, 2))
    assert videos.labels.tolist() == [[0]] * 3
    snippets = bank.videos.snippets
    expected = toy_localizer().resample(snippets._replace(values=snippets.values.float()), 32)
    assert torch.equal(videos.features, expected.expand(3, -1, -1))


def test_dense_videos_have_no_background() -> None:
    assert videos_with_background(random_videos(3), 32) == [0, 1, 2]
    assert videos_with_background(random_videos(3, dense=True), 32) == []
    assert videos_with_background(random_videos(0), 32) == []


def test_the_context_of_the_network_pastes_if_it_can() -> None:
    own = toy_network(context=partial(PastedContexts, ramp=3.0))
    assert pasting_context(own) is own.context
    mixed = toy_network(context=MixedContexts)
    assert isinstance(mixed.context, MixedContexts)
    assert pasting_context(mixed) is mixed.context.pasted
    made = pasting_context(toy_network(context=GeneratedContexts))
    assert isinstance(made, PastedContexts)
    assert made.length == 32
