from __future__ import annotations

import pytest

from aher_lightning.errors import ContractError
from aher_lightning.models.backbones.wanted_clips import DICTATED, check_clips, wanted_fields
from aher_lightning.structures import InputSpec
from aher_lightning.video.contract import TemporalContract

SPEC = InputSpec(frames=8, size=112, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2), fps=15.0, resize=128)


def test_the_wishes_make_a_contract_whose_first_clip_starts_with_the_video() -> None:
    contract = TemporalContract(**wanted_fields(SPEC))  # type: ignore[arg-type]
    assert (contract.fps, contract.clip_length, contract.resize, contract.crop) == (15.0, 8, 128, 112)
    assert (contract.mean, contract.std) == (SPEC.mean, SPEC.std)
    assert contract.first_centre_frames == contract.clip_length / 2
    check_clips(contract.to_dict(), SPEC, "Net")


def test_a_backbone_without_wishes_takes_any_clip() -> None:
    assert wanted_fields(InputSpec()) == {}
    check_clips(TemporalContract(fps=1.0, clip_length=3).to_dict(), InputSpec(), "Net")


@pytest.mark.parametrize(
    ("field", "value"), [("clip_length", 16), ("crop", 96), ("mean", (0.0, 0.0, 0.0)), ("std", [1, 1, 1])]
)
def test_each_contradiction_is_refused_in_one_line(field: str, value: object) -> None:
    assert field in DICTATED
    with pytest.raises(
        ContractError, match=rf"^Net wants {field} .* and data\.contract says .*; leave these"
    ) as caught:
        check_clips({field: value}, SPEC, "Net")
    assert "\n" not in str(caught.value)


def test_what_is_not_chosen_or_free_is_no_contradiction() -> None:
    check_clips({"clip_length": None, "crop": 112, "mean": [0.4, 0.5, 0.6]}, SPEC, "Net")
    check_clips({"fps": 30.0, "resize": 256, "snippet_stride": 1}, SPEC, "Net")


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(ContractError, match=r"clip_length 8 and .* 4; crop 112 and data\.contract says 96; leave"):
        check_clips({"clip_length": 4, "crop": 96}, SPEC, "Net")
