"""Decide how long to wait before a restart, and when to start in the safe look. Pure."""

from __future__ import annotations

BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a restart, by how many crashes are remembered; the last for all further ones."""

SAFE_CRASHES, SAFE_WINDOW_S = 3, 300.0
"""Crashes within that many seconds after which the show starts in the safe look."""

QUIET_S = 1800.0
"""Seconds without a crash that make up for one crash, and for the safe look."""


class RestartPolicy:
    """Remember crashes. Times are seconds of a clock that never goes back."""

    def __init__(self, now: float) -> None:
        self.safe = False
        """Whether the next start is in the safe look."""
        self._crashes: list[float] = []
        self._quiet_since = now

    def crashed(self, now: float) -> float:
        """Note a crash; return the seconds to wait before the restart."""
        self.forgive(now)
        self._crashes = [*self._crashes, now][-len(BACK_OFF_S) :]
        self._quiet_since = now
        recent = [crash for crash in self._crashes if now - crash <= SAFE_WINDOW_S]
        self.safe = self.safe or len(recent) >= SAFE_CRASHES
        return BACK_OFF_S[len(self._crashes) - 1]

    def forgive(self, now: float) -> None:
        """Forget one crash per quiet half hour; the first one ends the safe look too.

        Call it before a planned restart as well."""
        quiet = int((now - self._quiet_since) // QUIET_S)
        if quiet > 0:
            del self._crashes[:quiet]
            self._quiet_since += quiet * QUIET_S
            self.safe = False
