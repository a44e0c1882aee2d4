"""Decide how long to wait before a restart, and when to start in the safe look. Pure."""

from __future__ import annotations

BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before a restart, by how many crashes are remembered; the last for all further ones."""

SAFE_CRASHES, SAFE_WINDOW_S = 3, 300.0
"""Crashes within that many seconds after which the show starts in the safe look."""

QUIET_S = 1800.0
"""Seconds without a crash that make up for one crash, and for the safe look."""

LONGEST_S = 86400.0
"""Seconds in the safe look after which the full show is tried at the latest.

It is tried after a quiet half hour at first; each try that fails doubles the time."""


class RestartPolicy:
    """Remember crashes. Times are seconds of a clock that never goes back."""

    def __init__(self, now: float) -> None:
        self.safe = False
        """Whether the next start is in the safe look."""
        self._crashes: list[float] = []
        self._quiet_since = now
        self.patience = QUIET_S
        """Seconds that the safe look lasts, without a crash, until the full show is tried."""
        self._tried = float("-inf")
        """When the safe look was left last."""

    def crashed(self, now: float) -> float:
        """Note a crash; return the seconds to wait before the restart.

        One soon after the safe look was left leads back to it."""
        failed = not self.safe and now - self._tried < SAFE_WINDOW_S
        self.forgive(now)
        self._crashes = [*self._crashes, now][-len(BACK_OFF_S) :]
        self._quiet_since = now
        recent = [crash for crash in self._crashes if now - crash <= SAFE_WINDOW_S]
        if failed:
            self.patience = min(2 * self.patience, LONGEST_S)
        elif not self.safe:
            self.patience = QUIET_S
        self.safe = self.safe or failed or len(recent) >= SAFE_CRASHES
        return BACK_OFF_S[len(self._crashes) - 1]

    def forgive(self, now: float) -> None:
        """Forget one crash per quiet half hour; the first one ends the safe look too.

        Call it before a planned restart as well."""
        quiet = int((now - self._quiet_since) // QUIET_S)
        if quiet > 0:
            del self._crashes[:quiet]
            self._quiet_since += quiet * QUIET_S
            self._tried = now if self.safe else self._tried
            self.safe = False

    def may_try(self, now: float) -> bool:
        """Return whether the safe look has lasted long enough for a restart as the full show."""
        return self.safe and now - self._quiet_since >= self.patience
