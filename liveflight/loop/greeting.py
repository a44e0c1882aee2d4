"""Say what is being prepared until there is a picture, then name the first keys."""

from __future__ import annotations

HINT = "H help\t1-9 looks\tX surprise\tO filters"
HINT_S = 8.0
"""Seconds for which the keys are named."""


class Greeting:
    """The line at the bottom of the picture in the first seconds of a show."""

    def __init__(self) -> None:
        """Say nothing until `begin`: a render and a test have nobody to greet."""
        self._waits = False
        """Whether there has been no picture yet."""
        self._left_s = 0.0
        self._notice, self._notice_left_s = "", 0.0

    def begin(self) -> None:
        self._waits, self._left_s = True, HINT_S

    def notify(self, text: str, seconds: float) -> None:
        """Say something else for some seconds, such as what the next press of a key will do."""
        self._notice, self._notice_left_s = text, seconds

    def dismiss(self) -> None:
        """Leave keys and notice out from now on: somebody has pressed a key."""
        self._left_s = self._notice_left_s = 0.0

    def line(self, preparing: str, dt: float) -> str:
        """Return the line of a frame that stands for `dt` seconds; empty for none.

        `preparing`: what is being prepared; empty once there is a picture."""
        self._notice_left_s -= dt
        if self._notice_left_s > 0:
            return self._notice
        if self._waits and preparing:
            return preparing
        self._waits = False
        self._left_s -= dt
        return HINT if self._left_s > 0 else ""
