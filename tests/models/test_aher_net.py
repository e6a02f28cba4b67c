from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aher_lightning.models.added_classifier import BLOCK_ROWS, AddedClassifier
from aher_lightning.models.aher_net import PARAMETER_GROUPS, AherNet
from aher_lightning.models.anchor_head import AnchorHead
from aher_lightning.models.base import WeightTransfer
from aher_lightning.models.pyramid import TemporalPyramid
from aher_lightning.models.transfer import IdentityTransfer
from aher_lightning.structures import CategorySet, EvaluatedSet, LabelledClips, LevelOutputs
from tests.helpers.golden_fill import golden_path
from tests.models import released
from tests.models.released import (
    CELLS,
    SCALE_RATIOS,
    by_level,
    feature_map,
    fill_discriminators,
    fill_generators,
    fill_localizer,
    largest_error,
)

CHANNELS = (6, 8, 10)
PYRAMID = partial(TemporalPyramid, stem_channels=(12, 8), level_channels=CHANNELS)


def small_network(**options: object) -> AherNet:
    torch.manual_seed(0)
    return AherNet(12, 5, 3, length=64, pyramid=PYRAMID, **options)  # type: ignore[arg-type]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def used_parameters(network: AherNet) -> set[str]:
    names = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    return {name for name in names if network.get_parameter(name).grad.abs().sum() > 0}  # type: ignore[union-attr]


def names_of(network: AherNet, *groups: str) -> set[str]:
    wanted = {id(parameter) for group in groups for parameter in network.parameter_group(group)}
    return {name for name, parameter in network.named_parameters() if id(parameter) in wanted}


def total(*values: Tensor | None) -> Tensor:
    return torch.stack([value.square().sum() for value in values if value is not None]).sum()


@pytest.mark.parametrize(("category_set", "classes"), [("untrimmed", 5), ("moment", 3)])
def test_output_shapes(category_set: CategorySet, classes: int) -> None:
    network = small_network()
    outputs = network(torch.rand(2, 12, 64), category_set)
    assert network.cells_per_level == [16, 8, 4]
    assert network.moment_length == 32
    assert outputs.class_logits.shape == (2, classes, 28)
    shapes = {name: tuple(values.shape) for name, values in outputs.head.items()}
    assert shapes == {"offsets": (2, 84, 2), "overlaps": (2, 84), "actionness": (2, 84, 2)}


def test_options_reach_the_parts() -> None:
    head = partial(AnchorHead, use_actionness=False, scale_ratios=(1.0,))
    network = small_network(transfer=IdentityTransfer, head=head)
    assert network(torch.rand(1, 12, 64), "moment").head["offsets"].shape == (1, 28, 2)
    assert network.parameter_group("transfer") == []


def test_levels_come_in_order_and_class_logits_are_transferred_rows() -> None:
    network = small_network(transfer=IdentityTransfer)
    levels = network.levels(torch.rand(2, 12, 64))
    outputs = network.localize(levels, "moment")
    start = 0
    for level, features in enumerate(levels):
        cells = features.shape[-1]
        expected = torch.einsum("kd,bdn->bkn", network.moment_classifier.weights(level), features)
        torch.testing.assert_close(outputs.class_logits[..., start : start + cells], expected)
        start += cells


def test_plugged_transfer_is_used_for_both_category_sets() -> None:
    class Doubling(WeightTransfer):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.factor = nn.Parameter(torch.full((channels,), 2.0))

        def forward(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
            return weight * self.factor, bias

    network = small_network(transfer=Doubling)
    assert [len(parameter) for parameter in network.parameter_group("transfer")] == list(CHANNELS)
    sets: tuple[CategorySet, ...] = ("untrimmed", "moment")
    for category_set in sets:
        plain = [network.get_submodule(f"{category_set}_classifier").weights(level) for level in range(3)]  # type: ignore[operator]
        for weight, classifier in zip(plain, network.anchor_classifiers(category_set), strict=True):
            torch.testing.assert_close(classifier.weight, 2 * weight)


def test_anchor_classifiers_can_be_reused() -> None:
    network = small_network()
    levels = network.levels(torch.rand(2, 12, 64))
    everything = network.localize(levels, "untrimmed")
    reused = network.localize(levels, "untrimmed", network.anchor_classifiers("untrimmed"))
    torch.testing.assert_close(reused.class_logits, everything.class_logits)


def test_both_category_sets_at_once_are_the_two_one_after_the_other() -> None:
    network = small_network()
    features = torch.rand(2, 12, 64)
    parts = [network(features, "untrimmed"), network(features, "moment")]
    both = network(features, "all")
    torch.testing.assert_close(both.class_logits, torch.cat([part.class_logits for part in parts], dim=1))
    torch.testing.assert_close(both.head["offsets"], parts[0].head["offsets"])


def test_groups_partition_the_parameters() -> None:
    network = small_network()
    grouped = [id(parameter) for group in PARAMETER_GROUPS for parameter in network.parameter_group(group)]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == {id(parameter) for parameter in network.parameters()}
    assert all(network.parameter_group(group) for group in PARAMETER_GROUPS)
    with pytest.raises(ValueError, match="no parameter group 'backbone'; there are pyramid, heads"):
        network.parameter_group("backbone")


def test_localization_reaches_these_groups_and_no_other() -> None:
    network = small_network()
    for level in range(3):  # what maps the biases sees no gradient while they are 0
        nn.init.ones_(network.moment_classifier.biases(level))
    outputs = network(torch.randn(4, 12, 64), "moment")
    torch.autograd.backward(total(outputs.class_logits, *outputs.head.values()))
    assert used_parameters(network) == names_of(network, "pyramid", "heads", "moment_classifier", "transfer")


@pytest.mark.parametrize("category_set", ["untrimmed", "moment"])
def test_recognition_reaches_these_groups_and_no_other(category_set: CategorySet) -> None:
    network = small_network()
    torch.autograd.backward(total(network.classify_segments(network.levels(torch.randn(4, 12, 32)), category_set)))
    assert used_parameters(network) == names_of(network, "pyramid", f"{category_set}_classifier")


def test_adversary_reaches_generators_through_the_pyramid() -> None:
    network = small_network()
    moments = LabelledClips(torch.rand(4, 12, 32), torch.zeros(4, dtype=torch.int64), torch.ones(4))
    synthetic = network.context(moments, None, generator())
    logits = network.discriminate(network.levels(synthetic.features))
    assert logits.shape == (4, 84)
    torch.autograd.backward(total(logits))
    assert used_parameters(network) == names_of(network, "pyramid", "generators", "discriminators")


def test_discriminator_logits_are_ordered_like_anchors() -> None:
    network = small_network()
    levels = network.levels(torch.rand(2, 12, 64))
    logits = network.discriminate(levels)
    torch.testing.assert_close(logits[:, 48:72], network.discriminators[1](levels[1]).reshape(2, -1))


def test_the_default_network_starts_from_the_same_weights_for_good() -> None:
    """Order of creation and of random draws; a change would change the results of every seed."""
    torch.manual_seed(7)
    pyramid = partial(TemporalPyramid, stem_channels=(12, 12), level_channels=(10, 10, 12, 12))
    network = AherNet(12, 3, 4, length=32, pyramid=pyramid)
    sums = {name: sum(p.double().sum().item() for p in network.parameter_group(name)) for name in PARAMETER_GROUPS}
    assert sums == pytest.approx(
        {
            "pyramid": -20.927006,
            "heads": 0.354705,
            "untrimmed_classifier": -2.654379,
            "moment_classifier": 1.981344,
            "transfer": 96.0,
            "generators": -10.993053,
            "discriminators": -0.15813,
        },
        abs=1e-4,
    )
    ranked = sum(rank * p.double().abs().sum().item() for rank, p in enumerate(network.parameters(), start=1))
    assert ranked == pytest.approx(27412.243783, abs=0.01)
    moments = LabelledClips(
        torch.rand(4, 12, 16, generator=generator(1)), torch.zeros(4, dtype=torch.int64), torch.ones(4)
    )
    features, segments, *_ = network.context(moments, None, generator(3))
    assert features.double().sum().item() == pytest.approx(639.074608, abs=1e-3)
    assert (32 * segments[:, 0]).tolist() == [[4, 28], [3, 30], [2, 27], [4, 29]]


def test_saved_weights_give_the_same_outputs() -> None:
    network = small_network()
    other = AherNet(12, 5, 3, length=64, pyramid=PYRAMID)
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    features = torch.rand(2, 12, 64)
    mine, theirs = network(features, "moment"), other(features, "moment")
    assert torch.equal(mine.class_logits, theirs.class_logits)
    assert all(torch.equal(values, theirs.head[name]) for name, values in mine.head.items())


@pytest.mark.golden
def test_every_released_variable_has_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    used: dict[str, list[int]] = {}

    def record(name: str, shape: Sequence[int]) -> Tensor:
        used[name] = list(shape)
        return torch.empty(*shape, device="meta")

    monkeypatch.setattr(released, "variable", record)
    with torch.device("meta"):
        network = AherNet(2048, 200, 0, head=partial(AnchorHead, scale_ratios=SCALE_RATIOS))
    paths = [golden_path("tf", "05_variables.json")]
    paths += [golden_path("tf", "06_variables.json"), golden_path("tf", "07_variables.json")]
    fillers = (fill_localizer, fill_generators, fill_discriminators)
    groups = (("pyramid", "heads", "untrimmed_classifier", "transfer"), ("generators",), ("discriminators",))
    for path, fill_network, names, count in zip(paths, fillers, groups, (148, 8, 16), strict=True):
        used.clear()
        fill_network(network)
        expected = dict(json.loads(path.read_text(encoding="utf-8"))["variables"])
        assert len(expected) == count
        assert used == expected
        parameters = [parameter for name in names for parameter in network.parameter_group(name)]
        assert sum(map(torch.numel, parameters)) == sum(map(math.prod, expected.values()))
    assert json.loads(paths[0].read_text(encoding="utf-8"))["n_params"] == 68_821_720


class ReleasedRun(NamedTuple):
    """What the full-size network says about the inputs of the released run."""

    levels: list[Tensor]
    outputs: LevelOutputs
    foreground: Tensor  # (L, B, K)
    moment_levels: list[Tensor]
    moments: Tensor  # (L, B, K)


@pytest.fixture(scope="module")
def released_run() -> ReleasedRun:
    golden_path("tf", "05_net_prop_iou.npz")
    network = AherNet(2048, 200, 1, head=partial(AnchorHead, scale_ratios=SCALE_RATIOS))
    assert network.cells_per_level == list(CELLS)
    fill_localizer(network)
    with torch.no_grad():
        levels = network.levels(feature_map("x_untrimmed", (2, 512, 2048)))
        foreground_levels = network.levels(feature_map("x_foreground", (2, 512, 2048)))
        moment_levels = network.levels(feature_map("x_moment", (2, 256, 2048)))
        return ReleasedRun(
            levels,
            network.localize(levels, "untrimmed"),
            network.classify_segments(foreground_levels, "untrimmed"),
            moment_levels,
            network.classify_segments(moment_levels, "untrimmed"),
        )


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("index", range(1, 9))
def test_released_network(released_run: ReleasedRun, index: int) -> None:
    golden = np.load(golden_path("tf", "05_net_prop_iou.npz"))
    (class_logits, outputs), cells = released_run.outputs, by_level(CELLS)[index - 1]
    anchors = slice(3 * cells.start, 3 * cells.stop)
    count = cells.stop - cells.start
    assert largest_error(class_logits[..., cells].transpose(1, 2), golden[f"logits_{index}"]) < 3e-4
    assert largest_error(outputs["offsets"][:, anchors].reshape(2, count, 3, 2), golden[f"loc_{index}"]) < 5e-5
    assert largest_error(outputs["actionness"][:, anchors].reshape(2, count, 3, 2), golden[f"prop_{index}"]) < 5e-5
    assert largest_error(outputs["overlaps"][:, anchors].reshape(2, count, 3), golden[f"iou_{index}"]) < 1e-5
    assert largest_error(released_run.foreground[index - 1], golden[f"seg_logits_{index}"]) < 3e-4
    assert largest_error(released_run.moments[index - 1], golden[f"moment_logits_{index}"]) < 3e-4


@pytest.mark.golden
@pytest.mark.slow
@pytest.mark.parametrize("index", range(1, 9))
def test_released_feature_maps(released_run: ReleasedRun, index: int) -> None:
    golden = np.load(golden_path("tf", "05_net_prop_iou.npz"))
    activation = released_run.levels[index - 1].transpose(1, 2)
    _, count, channels = activation.shape
    sample = activation[:, :: max(1, count // 8), :: max(1, channels // 16)]
    assert largest_error(sample, golden[f"end_{index}_sub"]) < 5e-5
    mean, std, share_positive, smallest, largest = golden[f"end_{index}_stat"].tolist()
    assert activation.mean().item() == pytest.approx(mean, abs=1e-6)
    assert activation.std(correction=0).item() == pytest.approx(std, abs=1e-6)
    assert (activation > 0).double().mean().item() == pytest.approx(share_positive, abs=2e-4)
    assert (activation.min().item(), activation.max().item()) == pytest.approx((smallest, largest), abs=5e-5)
    moment_shape = released_run.moment_levels[index - 1].transpose(1, 2).shape
    assert list(moment_shape) == golden[f"moment_end_{index}_shape"].tolist()


# Categories added after training


def with_added(network: AherNet, number: int) -> AherNet:
    """Return a copy with random rows for some more moment categories; the first ones are the same for all numbers."""
    extended = copy.deepcopy(network)
    added = AddedClassifier(network.level_channels, -(-number // BLOCK_ROWS) * BLOCK_ROWS, number)
    for row in range(number):
        for level in range(len(network.level_channels)):
            drawn = generator(100 * row + level)
            for name in ("weight", "bias"):
                values = added.get_buffer(f"{name}_{level}")
                values[row] = torch.randn(values[row].shape, generator=drawn)
    extended.added_classifier = added
    return extended


@pytest.mark.parametrize("batch", [1, 2, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_added_categories_change_no_bit_of_any_other_logit(seed: int, batch: int) -> None:
    torch.manual_seed(seed)
    network = AherNet(12, 5, 3 + 4 * seed, length=64, pyramid=partial(PYRAMID, level_channels=(6, 16, 10)))
    for parameter in network.parameter_group("transfer"):
        nn.init.normal_(parameter, std=0.3)
    levels = network.levels(torch.rand(batch, 12, 64, generator=generator(seed)))
    before = network
    with torch.no_grad():
        for number in (1, 5, 40):  # and so each of these after the one before it
            after = with_added(network, number)
            assert torch.equal(
                after.classify_segments(levels, "untrimmed"), before.classify_segments(levels, "untrimmed")
            )
            ours, theirs = (one.classify_segments(levels, "moment") for one in (after, before))
            assert ours.shape[-1] == network.moment_classifier.num_categories + number
            assert torch.equal(ours[..., : theirs.shape[-1]], theirs)
            sets: tuple[EvaluatedSet, ...] = ("untrimmed", "moment", "all")
            for evaluated in sets:
                new, old = (one.localize(levels, evaluated) for one in (after, before))
                assert torch.equal(new.class_logits[:, : old.class_logits.shape[1]], old.class_logits)
                assert torch.equal(new.head["offsets"], old.head["offsets"])
            before = after


def test_added_rows_are_transferred_as_any_others() -> None:
    network = with_added(small_network(), 2)
    for parameter in network.parameter_group("transfer"):
        nn.init.normal_(parameter, std=0.3)
    added = network.added_classifier
    assert added is not None
    levels = network.levels(torch.rand(2, 12, 64))
    classifiers = network.anchor_classifiers("moment")
    expected = [transfer(added.weights(j), added.biases(j)) for j, transfer in enumerate(network.transfers)]
    for classifier, (weight, bias) in zip(classifiers, expected, strict=True):
        torch.testing.assert_close(classifier.weight[3:], weight)
        torch.testing.assert_close(classifier.bias[3:], bias)
    everything = network.localize(levels, "moment")
    assert torch.equal(network.localize(levels, "moment", classifiers).class_logits, everything.class_logits)


def test_a_network_makes_room_for_the_added_categories_of_a_state_dict() -> None:
    extended = with_added(small_network(), 2)
    network = AherNet(12, 5, 5, length=64, pyramid=PYRAMID)
    assert not [key for key in network.state_dict() if "added" in key]
    network.resize_for_added(BLOCK_ROWS, 2)
    network.load_state_dict(extended.state_dict())
    levels = network.levels(torch.rand(1, 12, 64))
    assert torch.equal(network.localize(levels, "all").class_logits, extended.localize(levels, "all").class_logits)
    grouped = {id(parameter) for group in PARAMETER_GROUPS for parameter in network.parameter_group(group)}
    assert grouped == {id(parameter) for parameter in network.parameters()}
    network.resize_for_added(BLOCK_ROWS, 1)
    assert network.moment_classifier.num_categories == 4
