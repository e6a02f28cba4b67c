"""Every figure of the reference losses, with all the choices of the released code."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from aher_lightning.losses.actionness import select_anchors_over_processes
from aher_lightning.losses.adversarial import DiscriminatorLoss, GeneratorLoss
from aher_lightning.losses.classification import cell_classification_loss, segment_classification_loss
from aher_lightning.losses.localization import LocalizationLosses
from aher_lightning.ops.matching import AnchorMatches
from aher_lightning.structures import LevelOutputs
from tests.helpers.golden_anchors import LEVELS, concatenate_levels, released_anchors, released_segments
from tests.helpers.golden_fill import fill, golden_path
from tests.helpers.golden_losses import RELEASED_LOSSES, released_labels, released_loss, released_outputs

pytestmark = pytest.mark.golden

TERMS = {"actionness": "loss_prop", "offset": "loss_loc", "overlap": "loss_iou", "classification": "loss_cls"}
DOUBLE_TERMS = {"actionness": "prop", "offset": "loc", "overlap": "iou", "classification": "cls_classwise"}
GRADIENTS = {
    "actionness": "d(prop+loc+iou)/d proplogits",
    "offsets": "d(prop+loc+iou)/d loc",
    "overlaps": "d(prop+loc+iou)/d iou",
    "class_logits": "d(cls)/d logits",
}


class Case(NamedTuple):
    """One set of thresholds of the reference, and what our losses say to it."""

    expected: dict[str, Any]
    outputs: LevelOutputs
    terms: LocalizationLosses
    matches: AnchorMatches
    ratio: float


def reference(name: str) -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads(golden_path("tf", "04_losses.json").read_text(encoding="utf-8"))[name]
    return numbers


def compare(expected: dict[str, Any], dtype: torch.dtype) -> Case:
    """Compute the losses in single or double precision."""
    flags = expected["flags"]
    options = dict(zip(("foreground", "background", "negative_ratio"), list(flags.values())[:3], strict=True))
    loss = released_loss(**options)
    segments, is_real = released_segments()
    labels = released_labels().unsqueeze(1).expand_as(is_real).where(is_real, -1)
    fields = [field.to(dtype).requires_grad_() for field in released_outputs() if field is not None]
    outputs, anchors, segments = LevelOutputs(*fields), released_anchors().to(dtype), segments.to(dtype)
    terms = loss(outputs, anchors, segments, labels)
    return Case(expected, outputs, terms, loss.match(anchors, segments, labels), flags["negative_ratio"])


@pytest.fixture(scope="module", params=["train", "alt"])
def case(request: pytest.FixtureRequest) -> Case:
    return compare(reference(request.param), torch.float32)


def test_flags_are_the_options(case: Case) -> None:
    flags = case.expected["flags"]
    assert list(flags) == [
        "match_threshold",
        "neg_match_threshold",
        "negative_ratio",
        "alpha",
        "cls_weights",
        "iou_weights",
    ]
    loss = released_loss()
    assert (loss.offset.weight, loss.classification.weight, loss.overlap.weight) == (
        flags["alpha"],
        flags["cls_weights"],
        flags["iou_weights"],
    )


@pytest.mark.parametrize("term", TERMS)
def test_terms(case: Case, term: str) -> None:
    expected = case.expected["losses_complete(classwise_iou)"]
    assert getattr(case.terms, term).item() == pytest.approx(expected[TERMS[term]], rel=1e-5)
    if term != "classification":  # on moments the other terms are the same
        assert expected[TERMS[term]] == case.expected["losses_complete_mome"][TERMS[term]]


@pytest.mark.parametrize("name", ["train", "alt"])
def test_terms_in_double_precision(name: str) -> None:
    expected = reference(name)
    terms = compare(expected, torch.float64).terms
    for term, key in DOUBLE_TERMS.items():
        assert getattr(terms, term).item() == pytest.approx(expected["independent_numpy_float64"][key], rel=1e-6)


def test_segment_level_losses(case: Case) -> None:
    logits = torch.stack([torch.from_numpy(fill(f"loss_reg_l{level}", (16, 200), -4, 4)) for level, _ in LEVELS])
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-9)):
        # The weight of the recipe: the released code divides by the batch twice.
        ours = 2 / 16 * segment_classification_loss(logits.to(dtype), released_labels(), levels="mean").item()
        double = case.expected["independent_numpy_float64"]["cls_reg_and_mome"]
        assert ours == pytest.approx(double, rel=tolerance)
        for loss in ("reg_losses", "losses_complete_mome"):
            assert ours == pytest.approx(case.expected[loss]["loss_cls"], rel=1e-5)


def test_every_cell_has_the_label_of_its_video() -> None:
    labels = concatenate_levels(golden_path("tf", "02_encode.npz"), "label").long()
    assert torch.equal(labels, released_labels().unsqueeze(1).expand(16, 255))
    loss = 2 * cell_classification_loss(released_outputs().class_logits, labels, reduction="sum")
    expected = reference("train")["losses_complete(classwise_iou)"]["loss_cls"]
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_counts(case: Case) -> None:
    states, overlaps = case.matches.states, case.matches.overlaps
    assert case.outputs.actionness is not None
    is_selected = select_anchors_over_processes(case.outputs.actionness, states, ratio=case.ratio, strict=True)
    counts = {
        "n_pos": int((states == 1).sum()),
        "n_neg_candidates": int((states == 0).sum()),
        "k": int((states == 1).sum() * case.ratio) + len(states),
        "n_neg_selected": int((is_selected & (states == 0)).sum()),
        "n_iou": int((overlaps > 0).sum()),
    }
    assert counts == {key: case.expected["independent_numpy_float64"][key] for key in counts}


@pytest.mark.parametrize("field", GRADIENTS)
def test_gradients_of_the_levels(case: Case, field: str) -> None:
    loss = case.terms.classification if field == "class_logits" else case.terms.proposal
    (gradient,) = torch.autograd.grad(loss, getattr(case.outputs, field), retain_graph=True)
    by_anchor = gradient.transpose(1, 2) if field == "class_logits" else gradient
    per_cell = 1 if field == "class_logits" else 3
    levels = torch.split(by_anchor, [length * per_cell for _, length in LEVELS], dim=1)
    key = GRADIENTS[field]
    norms = [level.double().norm().item() for level in levels]
    assert norms == pytest.approx(case.expected["grad_l2"][key], rel=1e-5, abs=1e-9)
    if field != "class_logits":
        counts = [int(level.count_nonzero()) for level in levels]
        assert counts == case.expected["grad_nonzero_count"][key]


def test_adversarial_losses_on_real_and_synthetic_background_alone() -> None:
    path = golden_path("tf", "07_adversarial.npz")
    real, fake = (concatenate_levels(path, f"{name}_logit") for name in ("real", "fake"))
    overlaps = concatenate_levels(golden_path("tf", "02_encode.npz"), "iou")
    mask = (overlaps < 0.3) & (overlaps.roll(1, dims=0) < 0.3)
    with np.load(path) as numbers:
        expected = {key: numbers[key].item() for key in ("d_loss_real", "d_loss_fake", "g_loss", "n_background")}
    sure = torch.full_like(real, 1e4)  # costs nothing on its side
    assert int(mask.sum()) == expected["n_background"]
    assert DiscriminatorLoss()(real, -sure, mask).item() == pytest.approx(expected["d_loss_real"], rel=1e-5)
    assert DiscriminatorLoss()(sure, fake, mask).item() == pytest.approx(expected["d_loss_fake"], rel=1e-5)
    assert GeneratorLoss()(fake, mask).item() == pytest.approx(expected["g_loss"], rel=1e-5)


@pytest.mark.parametrize("name", ["train", "alt"])
def test_shipped_losses_are_those_of_the_reference(name: str) -> None:
    shipped, double = RELEASED_LOSSES[name], reference(name)["independent_numpy_float64"]
    assert {term: shipped[term] for term in DOUBLE_TERMS} == {term: double[key] for term, key in DOUBLE_TERMS.items()}
    assert shipped["segment_classification"] == double["cls_reg_and_mome"]
    assert list(shipped["counts"].values()) == [
        double[key] for key in ("n_pos", "n_neg_candidates", "n_neg_selected", "n_iou")
    ]
    norms = {field: reference(name)["grad_l2"][key] for field, key in GRADIENTS.items()}
    assert shipped["gradient_norms"] == norms
