"""How often the ascent begins where the processor draws as well."""

from __future__ import annotations

import pytest

from liveflight.core.tick_interval import TickInterval

WANTED = 1 / 30


def after(interval: TickInterval, frames: int, seconds: float) -> float:
    for _ in range(frames):
        interval.frame(seconds)
    return interval.seconds


def test_frames_on_time_cost_no_ticks() -> None:
    assert after(TickInterval(WANTED), 300, WANTED) == 0.0


def test_late_frames_make_ticks_rarer_and_early_ones_give_them_back() -> None:
    interval = TickInterval(WANTED)
    rested = after(interval, 60, 1.2 * WANTED)
    assert 0.01 < rested < 1 / 6
    assert after(interval, 300, 0.95 * WANTED) == 0.0


def test_six_ticks_a_second_are_always_left() -> None:
    assert after(TickInterval(WANTED), 3000, 3 * WANTED) == pytest.approx(1 / 6)


def test_one_hiccup_says_little() -> None:
    interval = TickInterval(WANTED)
    interval.frame(4.0)
    assert after(interval, 30, WANTED) < WANTED


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_it_settles_where_frames_are_just_on_time(share: float) -> None:
    """A machine whose frames take longer the more of the time a tick runs."""
    interval = TickInterval(WANTED)
    tick = 0.03
    settled = []
    for number in range(900):
        busy = tick / max(interval.seconds, tick)
        interval.frame(WANTED * (0.8 + share * busy))
        if number >= 600:
            settled.append(WANTED * (0.8 + share * tick / max(interval.seconds, tick)))
    assert sum(settled) / len(settled) <= 1.01 * WANTED
    assert interval.seconds < 1 / 6
