"""Count frames, their rate and how many came late. Pure: time comes in as seconds."""

from __future__ import annotations

import math

_LATE_RATIO = 1.5
"""Ratio to the wanted interval above which a frame is late."""

_LONGEST_FRAME_S = 0.1
"""Seconds that one frame may stand for, unless longer ones are wanted.

After a stall the flight continues from where it was, without a jump."""

_SMOOTHING_S = 1.0
"""Time constant in seconds of the rates shown."""


class FrameCounter:
    """Count frames and smooth their rate."""

    def __init__(self, interval: float) -> None:
        """`interval` is the wanted time between two frames in seconds."""
        self._wanted = interval
        self._last: float | None = None
        self.interval = 0.0
        """Seconds between the last two frames, not limited."""
        self.frames = 0
        self.late = 0
        self.rate = 0.0
        """Frames per second, smoothed."""

    def count_frame(self, now: float, *, expected: bool = True) -> float:
        """Count a frame that begins at `now`; return the seconds it stands for, 0 for the first.

        One that was not `expected` at the wanted rate is not late."""
        previous, self._last = self._last, now
        self.frames += 1
        if previous is None or now <= previous:
            return 0.0 if previous is None else 1e-6
        self.interval = interval = now - previous
        self.late += expected and interval > _LATE_RATIO * self._wanted
        gain = 1 - math.exp(-interval / _SMOOTHING_S)
        self.rate += (1 / interval - self.rate) * (gain if self.rate else 1.0)
        return min(interval, max(_LONGEST_FRAME_S, self._wanted))


class Rate:
    """Measure how much of something comes per second, smoothed."""

    def __init__(self) -> None:
        self._sum = self._seconds = 0.0

    @property
    def value(self) -> float:
        """Return the amount per second; 0 while nothing is known."""
        return self._sum / self._seconds if self._seconds else 0.0

    def advance(self, dt: float, amount: float) -> None:
        """Add an amount that came in `dt` seconds, above 0; older amounts fade."""
        kept = math.exp(-dt / _SMOOTHING_S)
        self._sum = kept * self._sum + amount
        self._seconds = kept * self._seconds + dt
