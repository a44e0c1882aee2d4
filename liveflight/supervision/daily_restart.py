"""Say when a show is restarted each day. Pure: local and monotonic time are arguments."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

WINDOW = timedelta(hours=1)
"""How long after its time a restart is still made.

A machine that was off at night must not restart its show before visitors."""

LEAST_S = 6 * 3600.0
"""Seconds that a show has to run before such a restart."""


class DailyRestart:
    """Ask for one restart per day within the hour after a local time.

    Daylight saving may leave out that time, or bring it twice; a clock that is set may do either
    too. So the hour counts, not the moment, and monotonic time limits how often."""

    def __init__(self, at: time | None, now: float) -> None:
        """`at`: the local time, None for never. `now`: monotonic seconds."""
        self._at = at
        self._last = now
        self._day: date | None = None
        """Local date of the last restart."""

    def due(self, now: float, local: datetime) -> bool:
        """Return whether to restart now; once, it then counts as done."""
        if self._at is None or now - self._last < LEAST_S:
            return False
        today = datetime.combine(local.date(), self._at)
        begun = [day for day in (today, today - timedelta(days=1)) if day <= local < day + WINDOW]
        if not begun or begun[0].date() == self._day:
            return False
        self._last, self._day = now, begun[0].date()
        return True
