"""Measure how long each part of a frame takes."""

from __future__ import annotations

import time
from collections.abc import Callable


class FrameTimer:
    """Measure the parts of a frame in seconds.

    With `exact` set, the GPU finishes each part before the clock is read."""

    def __init__(self, finish: Callable[[], None]) -> None:
        """`finish` waits for the GPU."""
        self.exact = False
        self.seconds: dict[str, float] = {}
        """Seconds of the last frame by part."""
        self._finish = finish
        self._began = self._since = 0.0

    def start(self) -> None:
        """Begin a frame."""
        self.seconds = {}
        self._began = self._since = time.perf_counter()

    def end(self, part: str) -> None:
        """Add the time since the last call to this part."""
        if self.exact:
            self._finish()
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now

    @property
    def elapsed(self) -> float:
        """Return the seconds since the frame began."""
        return time.perf_counter() - self._began
