"""Notice that a show displays no frames any more. Pure: monotonic seconds come in as arguments."""

from __future__ import annotations

SILENCE_S = 15.0
"""Seconds without a displayed frame after which a show hangs."""

LOADING_S = 60.0
"""The same before its first frame, and while it loads its first network."""

_OWN_GAP_S = 3.0
"""Seconds between two checks from which the machine was suspended, or this process stopped."""


class Watchdog:
    """Judge a show by the time since its last frame."""

    def __init__(self) -> None:
        self._since = self._checked = 0.0
        self._loading = True

    def started(self, now: float) -> None:
        """Note that a show has been started."""
        self._since = self._checked = now
        self._loading = True

    def frame(self, now: float, *, loading: bool) -> None:
        """Note a displayed frame; `loading`: whether the first network is still being loaded."""
        self._since = now
        self._loading = loading

    @property
    def limit(self) -> float:
        """Return the seconds without a frame that are allowed now."""
        return LOADING_S if self._loading else SILENCE_S

    def hangs(self, now: float) -> bool:
        """Return whether the show hangs; call it at least once a second.

        Time in which nobody called it does not count: the show had no chance either."""
        gap = now - self._checked
        self._checked = now
        if gap > _OWN_GAP_S:
            self._since = min(self._since + gap, now)
        return now - self._since > self.limit
