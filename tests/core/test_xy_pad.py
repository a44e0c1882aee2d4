from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveflight.core.contracts import Target
from liveflight.core.xy_pad import blend

CORNERS = [Target("vgg16", "conv4_1", number) for number in range(4)]


@pytest.mark.parametrize(("x", "y", "corner"), [(0, 0, 0), (1, 0, 1), (0, 1, 2), (1, 1, 3)])
def test_at_a_corner_its_target_is_alone(x: float, y: float, corner: int) -> None:
    expected = dict.fromkeys(CORNERS, 0.0) | {CORNERS[corner]: 1.0}
    assert blend(CORNERS, x, y) == expected


@pytest.mark.parametrize(
    ("x", "y", "pair"), [(0.25, 0, (0, 1)), (0.25, 1, (2, 3)), (0, 0.25, (0, 2)), (1, 0.25, (1, 3))]
)
def test_an_edge_mixes_its_two(x: float, y: float, pair: tuple[int, int]) -> None:
    near, far = (CORNERS[number] for number in pair)
    assert blend(CORNERS, x, y) == dict.fromkeys(CORNERS, 0.0) | {near: 0.75, far: 0.25}


def test_in_the_middle_all_are_alike() -> None:
    assert blend(CORNERS, 0.5, 0.5) == pytest.approx(dict.fromkeys(CORNERS, 0.25))


def test_one_target_at_two_corners_counts_twice() -> None:
    mix = blend([CORNERS[0], CORNERS[1], CORNERS[0], CORNERS[1]], 0.0, 0.5)
    assert mix == {CORNERS[0]: 1.0, CORNERS[1]: 0.0}


@given(st.floats(0, 1), st.floats(0, 1))
def test_all_four_stay_and_are_together_1(x: float, y: float) -> None:
    mix = blend(CORNERS, x, y)
    assert list(mix) == CORNERS
    assert min(mix.values()) >= 0
    assert sum(mix.values()) == pytest.approx(1)
