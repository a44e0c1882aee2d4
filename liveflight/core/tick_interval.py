"""Choose how often the ascent may begin a tick where it takes the processor from the drawing.

Pure: measured times in, decisions out.
"""

from __future__ import annotations

_ON_TIME = 1.005
"""Ratio of the average interval between frames to the wanted one from which frames are late."""

_FEWEST_HZ = 6.0
"""Ticks per second that are always allowed: below them growth looks slow."""

_MEMORY_FRAMES = 16
"""Frames over which intervals are averaged."""

_GAIN = 0.1
"""Seconds that are added to the interval of ticks per frame and second of lateness."""


class TickInterval:
    """Let the ascent rest just as long as displayed frames need to be on time.

    An integral controller: late frames make ticks rarer, early ones more frequent. For processors
    that draw and compute: elsewhere the two do not share what they need."""

    def __init__(self, interval: float) -> None:
        """`interval` is the wanted time between two displayed frames in seconds."""
        self.seconds = 0.0
        """Time between the beginnings of two ticks at least."""
        self._interval = self._average = interval

    def frame(self, interval: float) -> None:
        """Record a frame, displayed `interval` seconds after the previous one."""
        interval = min(interval, 2 * self._interval)  # one hiccup says nothing about the next frame
        self._average += (interval - self._average) / _MEMORY_FRAMES
        late = self._average - _ON_TIME * self._interval
        self.seconds = min(max(self.seconds + _GAIN * late, 0.0), 1 / _FEWEST_HZ)
