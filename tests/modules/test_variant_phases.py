"""AherNet_M localizes whole moments; the generators of AherNet_A- imitate real background."""

from __future__ import annotations

import pytest
import torch

from aher_lightning.errors import ConfigError
from aher_lightning.models.aher_net import PARAMETER_GROUPS
from aher_lightning.models.base import Context
from aher_lightning.modules.iteration_data import IterationData
from aher_lightning.modules.phase import Phase
from aher_lightning.modules.phases import DetectorPhase, localization_losses
from aher_lightning.modules.variant_phases import ContextPhase, MomentTransferPhase, draw_instances
from aher_lightning.ops.resample import resize_features
from aher_lightning.structures import LabelledClips, LabelledVideos
from tests.helpers.toy import CHANNELS, toy_loss, toy_network
from tests.helpers.training import iteration_data


@pytest.mark.parametrize(
    ("phase", "groups"),
    [(MomentTransferPhase(), {"pyramid", "heads", "transfer"}), (ContextPhase(enabled=True), {"generators"})],
)
def test_a_phase_changes_its_groups_and_names_its_losses(phase: Phase, groups: set[str]) -> None:
    torch.manual_seed(0)
    network = toy_network()
    losses = phase.losses(network, toy_loss(), iteration_data())
    assert tuple(losses) == phase.loss_names
    sum(losses.values(), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    for group in PARAMETER_GROUPS:
        has_gradient = [p.grad is not None for p in network.parameter_group(group)]
        assert all(has_gradient) or group not in groups
    assert set(phase.groups) == groups


def test_a_moment_counts_as_an_action_from_start_to_end() -> None:
    torch.manual_seed(0)
    network, loss, data = toy_network(), toy_loss(), iteration_data(untrimmed=False)
    found = MomentTransferPhase().losses(network, loss, data)
    stretched = resize_features(data.moments.features, network.length)
    whole = torch.tensor([[[0.0, 1.0]]]).repeat(4, 1, 1)
    videos = LabelledVideos(stretched, whole, data.moments.labels.unsqueeze(1), data.moments.durations)
    terms = localization_losses(network, loss, network.levels(stretched), videos, "moment")
    torch.testing.assert_close(found["whole_moment_cls"], terms.classification)
    torch.testing.assert_close(found["whole_moment_prop"], terms.proposal)


def test_generators_learn_to_imitate_real_background() -> None:
    torch.manual_seed(0)
    network, phase = toy_network(), ContextPhase(enabled=True)
    optimizer = torch.optim.Adam(network.parameter_group("generators"), lr=1e-2)
    values = []
    for _ in range(60):
        (value,) = phase.losses(network, toy_loss(), iteration_data()).values()
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.5 * values[0]


def test_a_perfect_imitation_costs_nothing_and_sides_without_background_do_not_count() -> None:
    network = toy_network()
    features = torch.zeros(2, CHANNELS, 32)
    features[0, :, :16] = 5.0  # the first video has background of 5 before its instance, of 0 after it
    videos = LabelledVideos(
        features, torch.tensor([[[0.5, 0.7]], [[0.0, 1.0]]]), torch.tensor([[0], [1]]), torch.ones(2)
    )
    data = IterationData(torch.Generator(), untrimmed=videos)
    for parameter in network.context.parameters():
        torch.nn.init.zeros_(parameter)  # contexts of 0
    (value,) = ContextPhase(enabled=True).losses(network, toy_loss(), data).values()
    assert value.item() == pytest.approx((25.0 + 0.0) / 2)


def test_videos_without_any_instance_teach_the_generators_nothing() -> None:
    network = toy_network()
    videos = LabelledVideos(
        torch.rand(2, CHANNELS, 32), torch.zeros(2, 0, 2), torch.zeros(2, 0, dtype=torch.int64), torch.ones(2)
    )
    data = IterationData(torch.Generator(), untrimmed=videos)
    (value,) = ContextPhase(enabled=True).losses(network, toy_loss(), data).values()
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    gradients = [parameter.grad for parameter in network.parameter_group("generators")]
    assert all(gradient is None or not gradient.any() for gradient in gradients)


def test_instances_are_drawn_evenly_among_the_real_ones() -> None:
    is_real = torch.tensor([[True, True, False]]).repeat(2000, 1)
    drawn = draw_instances(is_real, torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {0, 1}
    assert drawn.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert draw_instances(torch.zeros(1, 2, dtype=torch.bool), torch.Generator()).tolist() == [0]


class TwiceInOne(Context):
    """Two copies of a moment, one after the other, with the last of the real video between them."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.sizes = (channels, length)

    def forward(
        self, moments: LabelledClips, untrimmed: LabelledVideos | None, generator: torch.Generator
    ) -> LabelledVideos:
        del generator
        assert untrimmed is not None
        half = resize_features(moments.features, 12)
        features = torch.cat((half, untrimmed.features[..., -8:], half), dim=-1)
        segments = torch.tensor([[0.0, 12 / 32], [20 / 32, 1.0]]).expand(len(features), 2, 2)
        return LabelledVideos(features, segments, moments.labels.unsqueeze(1).expand(-1, 2), moments.durations)


def test_another_context_may_have_several_instances_and_no_generators() -> None:
    torch.manual_seed(0)
    network = toy_network(context=TwiceInOne)
    losses = DetectorPhase().losses(network, toy_loss(), iteration_data())
    assert all(value.isfinite() for value in losses.values())
    assert network.parameter_group("generators") == []
    with pytest.raises(ConfigError, match=r"^phase 'contexts' trains the generators of GeneratedContexts.*TwiceInOne"):
        ContextPhase(enabled=True).check(network)
