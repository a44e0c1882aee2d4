"""Test how far directions may move, and when folds show all of them."""

from __future__ import annotations

import pytest

from liveflight.wall.landing_reach import LandingReach, Settling


def ticks(reach: LandingReach, count: int, *, way: float = 0.0, slow: bool = False) -> float:
    for _ in range(count):
        reach.begun()
        reach.moved(way)
        reach.arrived(slow=slow)
    return reach.height


def test_slow_ticks_are_expected_until_there_have_been_none_for_a_while() -> None:
    reach = LandingReach()
    usual = reach.height
    assert 0.2 < usual < 0.25
    assert ticks(reach, 19) == usual
    assert ticks(reach, 20) == 0
    assert ticks(reach, 1, slow=True) == usual


def test_a_fast_camera_is_expected_to_go_on() -> None:
    reach = LandingReach()
    assert ticks(reach, 1, way=0.25, slow=True) == 0.75
    after = ticks(reach, 1)
    assert 0.6 < after < 0.75, "slow and quick ticks in turn"
    assert ticks(reach, 1, way=0.1, slow=True) < after
    reach.restart()
    assert reach.height < 0.25


def test_folds_are_settled_when_the_running_tick_has_been_added() -> None:
    settling = Settling()
    settling.folds_changed(ticking=True)
    assert not settling.passed(5.0)
    settling.arrived(0.2)
    assert [settling.passed(0.125) for _ in range(3)] == [False, True, False]


@pytest.mark.parametrize(("seconds", "passed"), [(0.25, [True, False]), (0.0, [False, False])])
def test_folds_wait_for_what_is_being_added(seconds: float, passed: list[bool]) -> None:
    settling = Settling()
    settling.arrived(seconds)
    settling.passed(seconds / 2)
    settling.folds_changed(ticking=False)
    assert [settling.passed(0.125) for _ in range(2)] == passed
