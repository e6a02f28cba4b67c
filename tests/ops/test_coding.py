from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aher_lightning.ops.coding import decode_offsets, encode_offsets
from aher_lightning.ops.segments import centre_width_to_segments, clip_segments, denormalize_segments
from tests.helpers.golden_anchors import LEVELS, released_anchors
from tests.helpers.golden_fill import fill, golden_path


def test_hand_computed_offsets() -> None:
    anchors = torch.tensor([[0.5, 0.2]])
    offsets = encode_offsets(anchors, torch.tensor([[0.55, 0.4]]))
    torch.testing.assert_close(offsets, torch.tensor([[0.25, math.log(2)]]))
    scaled = encode_offsets(anchors, torch.tensor([[0.55, 0.4]]), centre_scale=0.1, width_scale=0.5)
    torch.testing.assert_close(scaled, torch.tensor([[2.5, 2 * math.log(2)]]))
    torch.testing.assert_close(encode_offsets(anchors, anchors), torch.zeros(1, 2))
    torch.testing.assert_close(decode_offsets(anchors, torch.zeros(1, 2)), anchors)


@pytest.mark.parametrize(("centre_scale", "width_scale"), [(1.0, 1.0), (0.1, 0.1), (0.1, 0.2)])
@pytest.mark.parametrize("shape", [(0,), (5,), (2, 5), (3, 0)])
def test_encoding_and_decoding_are_inverse(shape: tuple[int, ...], centre_scale: float, width_scale: float) -> None:
    generator = torch.Generator().manual_seed(0)
    anchors = torch.rand(shape[-1], 2, generator=generator, dtype=torch.float64) + 0.1
    segments = torch.rand(*shape, 2, generator=generator, dtype=torch.float64) + 0.1
    offsets = encode_offsets(anchors, segments, centre_scale, width_scale)
    assert offsets.shape == (*shape, 2)
    torch.testing.assert_close(decode_offsets(anchors, offsets, centre_scale, width_scale), segments)


def test_offsets_depend_on_relative_places_only() -> None:
    anchors, segments = torch.tensor([[0.4, 0.2]]), torch.tensor([[0.5, 0.1]])
    moved = torch.tensor([[1.0, 0.0]])
    offsets = encode_offsets(anchors, segments)
    torch.testing.assert_close(encode_offsets(anchors + moved, segments + moved), offsets)
    torch.testing.assert_close(encode_offsets(anchors * 3, segments * 3), offsets)


def test_a_segment_without_width_has_finite_offsets() -> None:
    offsets = encode_offsets(torch.tensor([[0.5, 0.2]]), torch.tensor([[0.5, 0.0]]))
    assert bool(offsets.isfinite().all())
    assert offsets[0, 1] < -10


def test_decoding_has_the_right_gradient() -> None:
    anchors = torch.tensor([[0.5, 0.2], [0.1, 0.3]], dtype=torch.float64)
    offsets = torch.randn(2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda o: decode_offsets(anchors, o, 0.1, 0.2), (offsets,))


@pytest.mark.golden
def test_decoding_equals_the_released_code() -> None:
    with np.load(golden_path("tf", "03_decode.npz")) as reference:
        durations = torch.from_numpy(reference["duration"])
        offsets = torch.stack(
            [
                torch.cat([torch.from_numpy(fill(f"decode_loc_v{v}_l{i}", (n * 3, 2), -8, 8)) for i, n in LEVELS])
                for v in range(4)
            ]
        )
        expected = torch.stack(
            [
                torch.cat([torch.from_numpy(reference[f"segments_v{v}_l{i}"]).view(-1, 2) for i, _ in LEVELS])
                for v in range(4)
            ]
        )
    decoded = clip_segments(centre_width_to_segments(decode_offsets(released_anchors(), offsets, 0.1, 0.1)))
    assert decoded.shape == (4, 765, 2)
    torch.testing.assert_close(denormalize_segments(decoded, durations), expected, atol=1e-4, rtol=1e-5)
