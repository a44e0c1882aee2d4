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

    def collect_result(self, timeout: float) -> bool:
        self.ticking = False
        return True


def ticks_of(feedback_loop: FeedbackLoop) -> AscentScheduler:
    frame_pacer = SimpleNamespace(
        ascent_time_left=lambda elapsed: LEFT, ticked=lambda duration, steps: None
    )
    frame_timer = SimpleNamespace(elapsed=0.0)
    parts = cast("Any", (SimpleNamespace(), feedback_loop, frame_pacer, frame_timer))
    return AscentScheduler(
        *parts, lambda: None, FaultGuard(lambda trouble, cause=None: None, live=True)
    )


def arrive(ticks: AscentScheduler, feedback_loop: FeedbackLoop, duration: float) -> None:
    feedback_loop.ticking, feedback_loop.duration = True, duration
    ticks.await_tick()


def test_a_frame_leaves_time_for_a_slow_tick() -> None:
    """Or every other one would just miss its frame, and be seen a frame later."""
    feedback_loop = FeedbackLoop()
    ticks = ticks_of(feedback_loop)
    assert ticks.spare() == LEFT
    for duration in (0.010, 0.012, 0.009, 0.010):
        arrive(ticks, feedback_loop, duration)
    assert 0.0105 < LEFT - ticks.spare() < 0.012


def test_a_single_slow_tick_is_forgotten() -> None:
    feedback_loop = FeedbackLoop()
    ticks = ticks_of(feedback_loop)
    arrive(ticks, feedback_loop, 0.2)
    assert ticks.spare() < 0
    for _ in range(120):
        arrive(ticks, feedback_loop, 0.010)
    assert ticks.spare() == pytest.approx(LEFT - 0.010)


def test_one_in_flight_is_waited_for_as_long_as_there_is_time() -> None:
    feedback_loop = FeedbackLoop()
    ticks = ticks_of(feedback_loop)
    arrive(ticks, feedback_loop, 0.010)
    feedback_loop.ticking = True
    assert ticks.spare() == LEFT
