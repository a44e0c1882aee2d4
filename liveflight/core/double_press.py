"""Tell a single press from a double one. Pure: time comes in as seconds."""

from __future__ import annotations

import math

DOUBLE_PRESS_S = 2.0
"""Seconds within which a second press counts as a double one."""


class DoublePress:
    """Remember the last press of a key that means more when it is pressed twice."""

    def __init__(self) -> None:
        self._pressed, self._what = -math.inf, ""

    def press(self, now: float, what: str = "") -> bool:
        """Return whether the press before this one was of the same and not long ago."""
        twice = what == self._what and now - self._pressed <= DOUBLE_PRESS_S
        self._pressed, self._what = now, what
        return twice

    def forget(self) -> None:
        """Count the next press as a first one."""
        self._pressed = -math.inf
