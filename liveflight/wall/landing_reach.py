"""Say how far directions may move until they are added, and when what folds show is whole. Pure.

All ranks count alike: by what rank 0 has them do, never by their own clocks."""

from __future__ import annotations

import math

_STEPS = 64
"""Steps per canvas height, so that ranks agree although their processors round differently."""

_USUAL = 13 / _STEPS
"""Canvas heights to expect while ticks are slow, or nothing is known: the next may be slower."""

_QUICK = 20
"""Ticks within a frame after which no slow one is expected."""

_KEPT = 0.9
"""Factor on what was expected, from tick to tick: slow ticks come again."""

_LANDING = 3
"""A tick, and the time over which its directions are added, both as long as the last one; and half
as much again."""


class LandingReach:
    """Expect how far the next tick's directions move, by the ticks before."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew, as after other ranks have joined."""
        self.height = _USUAL
        """In canvas heights."""
        self._way = 0.0
        self._slow = _QUICK

    def moved(self, distance: float) -> None:
        """Note that the picture has moved, by canvas heights."""
        self._way += distance

    def begun(self) -> None:
        """Note that a tick begins."""
        self._way = 0.0

    def arrived(self, *, slow: bool) -> None:
        """Note that the tick has ended; `slow`: not in the frame in which it began."""
        self._slow = _QUICK if slow else max(self._slow - 1, 0)
        now = math.ceil(_STEPS * _LANDING * self._way) / _STEPS
        kept = math.floor(_STEPS * _KEPT * self.height) / _STEPS
        self.height = max(now, kept, _USUAL if self._slow else 0.0)


class Settling:
    """Find out when all directions are added that were under way as the folds changed.

    Ranks that show another part of the canvas since then have not got them there."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget what is under way."""
        self._landing = 0.0
        """Seconds over which directions are still being added."""
        self._due: float | None = None

    def folds_changed(self, *, ticking: bool) -> None:
        """Note that the folds have changed, while a tick was running or not."""
        if ticking:
            self._due = math.inf
        elif self._landing:
            self._due = self._landing

    def arrived(self, seconds: float) -> None:
        """Note that the tick has ended, and over how many seconds its directions are added."""
        self._landing = seconds
        if self._due == math.inf:
            self._due = seconds

    def passed(self, seconds: float) -> bool:
        """Let time pass; return True once, when the directions have been added."""
        self._landing = max(self._landing - seconds, 0.0)
        if self._due is None or math.isinf(self._due):
            return False
        self._due -= seconds
        if self._due > 0:
            return False
        self._due = None
        return True
