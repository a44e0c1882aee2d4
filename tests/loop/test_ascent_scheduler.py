"""When a tick begins within a frame."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from liveflight.core.fault_guard import FaultGuard
from liveflight.loop.ascent_scheduler import AscentScheduler

LEFT = 0.030
"""Seconds that every frame here has for the ascent."""


class FeedbackLoop:
    """Whose ticks arrive at once, after as long as is said."""

    def __init__(self) -> None:
        self.ticking, self.duration, self.steps, self.since = False, 0.0, 1, 0.0

    def arrive(self, patience: float) -> bool:
        self.ticking = False
        return True


def ticks_of(dream: FeedbackLoop) -> AscentScheduler:
    pace = SimpleNamespace(patience=lambda elapsed: LEFT, ticked=lambda duration, steps: None)
    laps = SimpleNamespace(elapsed=0.0)
    parts = cast("Any", (SimpleNamespace(), dream, pace, laps))
    return AscentScheduler(
        *parts, lambda: None, FaultGuard(lambda trouble, cause=None: None, live=True)
    )


def arrive(ticks: AscentScheduler, dream: FeedbackLoop, duration: float) -> None:
    dream.ticking, dream.duration = True, duration
    ticks.tend()


def test_a_frame_leaves_time_for_a_slow_tick() -> None:
    """Or every other one would just miss its frame, and be seen a frame later."""
    dream = FeedbackLoop()
    ticks = ticks_of(dream)
    assert ticks.spare() == LEFT
    for duration in (0.010, 0.012, 0.009, 0.010):
        arrive(ticks, dream, duration)
    assert 0.0105 < LEFT - ticks.spare() < 0.012


def test_a_single_slow_tick_is_forgotten() -> None:
    dream = FeedbackLoop()
    ticks = ticks_of(dream)
    arrive(ticks, dream, 0.2)
    assert ticks.spare() < 0
    for _ in range(120):
        arrive(ticks, dream, 0.010)
    assert ticks.spare() == pytest.approx(LEFT - 0.010)


def test_one_in_flight_is_waited_for_as_long_as_there_is_time() -> None:
    dream = FeedbackLoop()
    ticks = ticks_of(dream)
    arrive(ticks, dream, 0.010)
    dream.ticking = True
    assert ticks.spare() == LEFT
