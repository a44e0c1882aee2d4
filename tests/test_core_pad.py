from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import Target
from liveflight.core.pad import LEAST, blend

CORNERS = [Target("vgg16", "conv4_1", number) for number in range(4)]


@pytest.mark.parametrize(("x", "y", "corner"), [(0, 0, 0), (1, 0, 1), (0, 1, 2), (1, 1, 3)])
def test_at_a_corner_its_target_is_nearly_alone(x: float, y: float, corner: int) -> None:
    expected = {one: LEAST for one in CORNERS} | {CORNERS[corner]: 1 - 3 * LEAST}
    assert blend(CORNERS, x, y) == pytest.approx(expected)


def test_in_the_middle_all_are_alike() -> None:
    assert blend(CORNERS, 0.5, 0.5) == pytest.approx(dict.fromkeys(CORNERS, 0.25))


def test_one_target_at_two_corners_counts_twice() -> None:
    mix = blend([CORNERS[0], CORNERS[1], CORNERS[0], CORNERS[1]], 0.0, 0.5)
    assert mix == pytest.approx({CORNERS[0]: 1 - 2 * LEAST, CORNERS[1]: 2 * LEAST})


@given(st.floats(0, 1), st.floats(0, 1))
def test_all_four_stay_and_are_together_1(x: float, y: float) -> None:
    mix = blend(CORNERS, x, y)
    assert list(mix) == CORNERS
    assert min(mix.values()) > 0.02
    assert sum(mix.values()) == pytest.approx(1)
