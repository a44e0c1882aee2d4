from __future__ import annotations

import pytest

from liveflight.supervision.watchdog import LOADING_S, SILENCE_S, Watchdog


def hangs_after(watchdog: Watchdog, now: float, most: float = 200.0) -> float:
    """Return the seconds until it says so, asked four times a second."""
    for turn in range(int(most * 4)):
        if watchdog.hangs(now + turn / 4):
            return turn / 4
    return most


@pytest.fixture
def watchdog() -> Watchdog:
    watchdog = Watchdog()
    watchdog.started(1000.0)
    return watchdog


def test_a_show_may_take_a_minute_to_its_first_frame(watchdog: Watchdog) -> None:
    assert hangs_after(watchdog, 1000.0) == LOADING_S + 0.25


def test_then_frames_may_be_missing_for_fifteen_seconds(watchdog: Watchdog) -> None:
    watchdog.frame(1010.0, loading=False)
    assert hangs_after(watchdog, 1010.0) == SILENCE_S + 0.25


def test_a_show_that_loads_has_more_time(watchdog: Watchdog) -> None:
    watchdog.frame(1010.0, loading=True)
    assert hangs_after(watchdog, 1010.0) == LOADING_S + 0.25


def test_a_new_start_has_its_own_time(watchdog: Watchdog) -> None:
    watchdog.frame(1010.0, loading=False)
    watchdog.started(1100.0)
    assert hangs_after(watchdog, 1100.0) == LOADING_S + 0.25


def test_a_machine_that_was_suspended_is_no_hang(watchdog: Watchdog) -> None:
    watchdog.frame(1010.0, loading=False)
    assert not watchdog.hangs(1011.0)
    assert not watchdog.hangs(9000.0)  # the lid was closed
    assert SILENCE_S - 2 < hangs_after(watchdog, 9000.0) <= SILENCE_S + 0.25


def test_a_hang_around_the_suspension_is_still_found(watchdog: Watchdog) -> None:
    watchdog.frame(1010.0, loading=False)
    assert hangs_after(watchdog, 1010.0, most=14.0) == 14.0
    assert not watchdog.hangs(5000.0)
    assert hangs_after(watchdog, 5000.0) < 2
