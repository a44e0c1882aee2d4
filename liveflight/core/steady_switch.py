"""Follow a switch no more often than what it shows may flash. Pure."""

from __future__ import annotations

HOLD_S = 0.5
"""Seconds for which the switch stays as it is: it flashes once a second at most."""


class SteadySwitch:
    """Follow a switch at once, unless it has changed within the last moment."""

    def __init__(self) -> None:
        self._on = False
        self._age_s = HOLD_S

    def follow(self, wanted: bool, dt: float) -> bool:
        """Return whether it is on, `dt` seconds after the last call."""
        self._age_s += dt
        if wanted != self._on and self._age_s >= HOLD_S:
            self._on, self._age_s = wanted, 0.0
        return self._on
