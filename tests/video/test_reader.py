import pytest

from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.reader import ascending_times


@pytest.mark.parametrize("times", [[1.0, 0.5], [0.0, float("nan")], [float("inf")]])
def test_times_must_ascend_and_be_finite(times: list[float]) -> None:
    with pytest.raises(ValueError, match="times must be finite and ascending"):
        ascending_times(times)


def test_equal_times_are_fine() -> None:
    assert ascending_times([0, 0, 1]).tolist() == [0.0, 0.0, 1.0]
    assert ascending_times([]).shape == (0,)


def test_readers_have_no_fallback_unless_they_say_so() -> None:
    assert PyAVReader().fallback is None
