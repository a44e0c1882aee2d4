"""Counts frames: how fast they come, how many came late. Pure: time comes in as seconds."""

from __future__ import annotations

import math

_LATE = 1.5
"""An interval longer than this many wanted ones is a late frame."""

_LONGEST = 0.1
"""Seconds one frame may count for, unless more are wanted: after a stall the flight goes on from
where it was, it does not leap."""

_MEMORY = 1.0
"""Time constant in seconds of the rates shown."""


class FrameCounter:
    """`interval` is the wanted time between two frames in seconds."""

    def __init__(self, interval: float) -> None:
        self._wanted = interval
        self._last: float | None = None
        self.interval = 0.0
        """Seconds between the last two frames, whatever they stand for."""
        self.frames = 0
        self.late = 0
        self.rate = 0.0
        """Frames per second, smoothed."""

    def tick(self, now: float, *, expected: bool = True) -> float:
        """A frame begins at `now`: the seconds it stands for, 0 for the first. One that was not
        `expected` at the wanted rate is not late."""
        previous, self._last = self._last, now
        self.frames += 1
        if previous is None or now <= previous:
            return 0.0 if previous is None else 1e-6
        self.interval = interval = now - previous
        self.late += expected and interval > _LATE * self._wanted
        gain = 1 - math.exp(-interval / _MEMORY)
        self.rate += (1 / interval - self.rate) * (gain if self.rate else 1.0)
        return min(interval, max(_LONGEST, self._wanted))


class Rate:
    """How much of something comes per second, smoothed."""

    def __init__(self) -> None:
        self._sum = self._seconds = 0.0

    @property
    def value(self) -> float:
        """0 as long as nothing is known."""
        return self._sum / self._seconds if self._seconds else 0.0

    def advance(self, dt: float, amount: float) -> None:
        """In `dt` seconds, above 0, so much came. What is past is forgotten by and by."""
        kept = math.exp(-dt / _MEMORY)
        self._sum = kept * self._sum + amount
        self._seconds = kept * self._seconds + dt
