from __future__ import annotations

from liveflight.core.double_press import DOUBLE_PRESS_S, DoublePress


def test_a_second_press_counts_within_its_time_and_of_the_same_alone() -> None:
    presses = DoublePress()
    assert not presses.press(10.0)
    assert presses.press(10.0 + DOUBLE_PRESS_S)
    assert not presses.press(10.1 + 2 * DOUBLE_PRESS_S)
    assert not presses.press(14.2, "other")
    assert presses.press(14.3, "other")
    presses.forget()
    assert not presses.press(14.4, "other")
